//! A daemon that is killed loses nothing that it acknowledged: twenty kills here, a thousand by `scripts/crash`.

#[path = "../../benches/crash/run.rs"]
mod run;

const KILLS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let seed = rand::random();
    println!("seed {seed}: scripts/crash --kills {KILLS} --seed {seed}");
    let told = run::run(KILLS, seed).await;
    println!("{told:?}");
    assert_eq!(told.kills, KILLS);
    // It was no empty exercise.
    assert!(told.acknowledged >= KILLS && told.on_page > 0 && told.learnt >= 10, "{told:?}");
}

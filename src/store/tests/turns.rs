//! Whose turn it is to poll a source.

use super::*;
use crate::store::postgres::leases::{AGAIN, Answer};

/// A store whose turns are these, one after the other.
fn turns(answers: Vec<Answer>) -> (Store, tokio::task::JoinHandle<Vec<bool>>) {
    let (sender, mut wishes) = mpsc::channel(1);
    let store = Store::start(Contents::default(), None, Some(sender), true);
    let desk = tokio::spawn(async move {
        let mut new = Vec::new();
        let mut answers = answers.into_iter();
        while let Some(wish) = wishes.recv().await {
            if let Wish::Ask { is_new, answer, .. } = wish {
                new.push(is_new);
                answer.send(answers.next().unwrap()).unwrap();
            }
        }
        new
    });
    (store, desk)
}

#[tokio::test]
async fn a_source_that_changed_hands_is_polled_only_when_what_the_other_learnt_is_known() {
    use Answer::{Anew, Mine, Wait};
    let wait = Duration::from_secs(7);
    let (store, desk) = turns(vec![Anew, Mine, Mine, Mine, Wait(wait), Mine, Anew]);
    let mut lease = Lease::default();
    let away = |is_away: bool| store.shared.up.store(!is_away, Ordering::Relaxed);
    let name = acme();
    let mut turn = async || store.turn(&name, Source::Api, wait, &mut lease).await;
    away(true);
    // The lease was had, and the next answer says that it is ours; the words of the other are still not known.
    assert_eq!((turn().await, turn().await), (Turn::Wait(AGAIN), Turn::Wait(AGAIN)));
    away(false);
    assert_eq!(turn().await, Turn::Mine);
    away(true);
    assert_eq!(turn().await, Turn::Mine, "nobody else polled meanwhile");
    assert_eq!(turn().await, Turn::Wait(wait));
    assert_eq!((turn().await, turn().await), (Turn::Wait(AGAIN), Turn::Wait(AGAIN)), "somebody else had it");
    store.rest(&name, Source::Api, wait, &mut lease).await;
    drop(store);
    assert_eq!(desk.await.unwrap(), [true; 7], "no poll has ended yet");
}

//! Whose turn it is: each source is polled by one replica at a time.
//!
//! A lease is asked for before a poll and set anew after it. The clock is the one of the database. Whoever cannot reach the
//! database polls nothing: another one may be polling.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Row;
use tokio::sync::{mpsc, oneshot};

use super::{Link, PATIENCE, visit};
use crate::config::Postgres;
use crate::model::{Source, TenantName};
use crate::store::Error;

/// So many questions are asked in one visit.
const BATCH: usize = 512;

/// When the database does not answer, one asks again after this.
pub(in crate::store) const AGAIN: Duration = Duration::from_secs(2);

/// Whether a source may be polled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Answer {
    /// Yes, and nobody else polls it meanwhile.
    Mine,
    /// Yes, and it was another one's, or nobody's, before.
    Anew,
    /// No: ask again after this.
    Wait(Duration),
}

/// What pollers say.
#[derive(Debug)]
pub(in crate::store) enum Wish {
    /// May this source be polled now? If so, nobody else may for so long.
    Ask {
        /// The source.
        source: (TenantName, Source),
        /// What the poll may take.
        hold: Duration,
        /// The poller is a new one, whose configuration may be another: the pause does not count for the one who holds it.
        is_new: bool,
        /// Where the answer goes.
        answer: oneshot::Sender<Answer>,
    },
    /// A poll has ended, and the next one is due after so long.
    Rest {
        /// The source.
        source: (TenantName, Source),
        /// Until the next poll.
        pause: Duration,
    },
    /// Let others have all of it.
    Leave(oneshot::Sender<()>),
}

impl Wish {
    fn source(&self) -> Option<&(TenantName, Source)> {
        match self {
            Self::Ask { source, .. } | Self::Rest { source, .. } => Some(source),
            Self::Leave(_) => None,
        }
    }
}

/// Asks the database on behalf of all pollers, many at once, until the last of them is gone.
pub(in crate::store) async fn run(place: Postgres, owner: String, mut wishes: mpsc::Receiver<Wish>) {
    let mut desk = Desk { link: Link::new(&place), owner, is_away: false };
    let mut left: Option<Wish> = None;
    loop {
        let first = match left.take() {
            Some(wish) => wish,
            None => match wishes.recv().await {
                Some(wish) => wish,
                None => return desk.link.close().await,
            },
        };
        let mut batch: BTreeMap<(TenantName, Source), Wish> = BTreeMap::new();
        let mut next = Some(first);
        let mut leave = None;
        while let Some(wish) = next.take() {
            match wish.source().cloned() {
                // One statement cannot touch a row twice.
                Some(source) if batch.contains_key(&source) => {
                    left = Some(wish);
                    break;
                }
                Some(source) => drop(batch.insert(source, wish)),
                None => {
                    leave = Some(wish);
                    break;
                }
            }
            if batch.len() < BATCH {
                next = wishes.try_recv().ok();
            }
        }
        desk.serve(batch).await;
        if let Some(Wish::Leave(done)) = leave {
            if let Err(error) = desk.leave().await {
                tracing::warn!(%error, "the leases could not be given back; they end by themselves");
            }
            let _ = done.send(());
        }
    }
}

/// A question, its answer apart.
struct Asked {
    source: (TenantName, Source),
    hold: Duration,
    is_new: bool,
    answer: oneshot::Sender<Answer>,
}

struct Desk {
    link: Link,
    owner: String,
    /// The last question was not answered.
    is_away: bool,
}

impl Desk {
    async fn serve(&mut self, batch: BTreeMap<(TenantName, Source), Wish>) {
        let (mut asks, mut rests) = (Vec::new(), Vec::new());
        for (source, wish) in batch {
            match wish {
                // Whoever asked and has gone wants no lease any more.
                Wish::Ask { answer, .. } if answer.is_closed() => {}
                Wish::Ask { hold, is_new, answer, .. } => asks.push(Asked { source, hold, is_new, answer }),
                Wish::Rest { pause, .. } => rests.push((source, pause)),
                Wish::Leave(_) => {}
            }
        }
        if !rests.is_empty()
            && let Err(error) = self.rest(&rests).await
        {
            // It ends by itself, a little earlier.
            tracing::debug!(%error, "leases could not be set anew");
        }
        if asks.is_empty() {
            return;
        }
        let asked = self.ask(&asks).await;
        match &asked {
            Ok(_) if std::mem::take(&mut self.is_away) => tracing::info!("leases can be had again"),
            Err(error) if !std::mem::replace(&mut self.is_away, true) => {
                tracing::error!(%error, "no lease can be had from the store, so nothing is polled here until one can");
            }
            Ok(_) | Err(_) => {}
        }
        let turns = asked.unwrap_or_default();
        for Asked { source: (name, source), answer, .. } in asks {
            let turn = turns.get(&(name.to_string(), source.to_string())).copied();
            let _ = answer.send(turn.unwrap_or(Answer::Wait(AGAIN)));
        }
    }

    async fn ask(&mut self, asks: &[Asked]) -> Result<BTreeMap<(String, String), Answer>, Error> {
        let names: Vec<&str> = asks.iter().map(|asked| asked.source.0.as_str()).collect();
        let sources: Vec<&str> = asks.iter().map(|asked| asked.source.1.as_str()).collect();
        let holds: Vec<f64> = asks.iter().map(|asked| asked.hold.as_secs_f64()).collect();
        let new: Vec<bool> = asks.iter().map(|asked| asked.is_new).collect();
        let owner = &self.owner;
        let rows = visit!(&mut self.link, connection => {
            // In order, so that two replicas do not wait for one another. What was not taken is judged as it was before. No pause is
            // as long as a week (the longest is that of tokens, four intervals of 24h and a tenth more): such a lease is left from
            // when the clock of the database was ahead.
            let query = sqlx::query(
                "WITH given AS (
                        SELECT * FROM UNNEST($1::text[], $2::text[], $3::float8[], $4::bool[])
                            AS given (tenant, source, hold, is_new)
                    ),
                    taken AS (
                        INSERT INTO leases AS known (tenant, source, owner, until, next_at)
                        SELECT tenant, source, $5, clock_timestamp() + hold * interval '1 second',
                            clock_timestamp()
                        FROM given ORDER BY tenant, source
                        ON CONFLICT (tenant, source) DO UPDATE SET owner = excluded.owner, until = excluded.until,
                            next_at = least(known.next_at, excluded.next_at)
                        WHERE greatest(known.until, known.next_at) > clock_timestamp() + interval '7 days'
                            OR known.owner = excluded.owner AND (known.next_at <= clock_timestamp()
                                OR (SELECT bool_or(given.is_new) FROM given
                                    WHERE given.tenant = excluded.tenant AND given.source = excluded.source))
                            OR known.owner <> excluded.owner
                                AND greatest(known.until, known.next_at) <= clock_timestamp()
                        RETURNING tenant, source
                    )
                    SELECT given.tenant, given.source, taken.tenant IS NOT NULL AS is_mine,
                        known.owner IS NOT DISTINCT FROM $5 AS was_mine,
                        extract(epoch FROM CASE WHEN known.owner = $5 THEN known.next_at
                            ELSE greatest(known.until, known.next_at) END - clock_timestamp())::float8 AS wait
                    FROM given
                    LEFT JOIN taken ON taken.tenant = given.tenant AND taken.source = given.source
                    LEFT JOIN leases AS known ON known.tenant = given.tenant AND known.source = given.source",
            );
            Ok(query.bind(&names).bind(&sources).bind(&holds).bind(&new).bind(owner).fetch_all(connection).await?)
        })?;
        let mut turns = BTreeMap::new();
        for row in &rows {
            let wait: Option<f64> = row.try_get("wait")?;
            let turn = if row.try_get("is_mine")? {
                if row.try_get("was_mine")? { Answer::Mine } else { Answer::Anew }
            } else {
                // Somebody was faster and is not seen yet, if there is no row.
                let wait = wait.map(|wait| Duration::try_from_secs_f64(wait.max(0.0)).unwrap_or(AGAIN));
                Answer::Wait(wait.unwrap_or(AGAIN))
            };
            turns.insert((row.try_get("tenant")?, row.try_get("source")?), turn);
        }
        Ok(turns)
    }

    async fn rest(&mut self, rests: &[((TenantName, Source), Duration)]) -> Result<(), Error> {
        let names: Vec<&str> = rests.iter().map(|((name, _), _)| name.as_str()).collect();
        let sources: Vec<&str> = rests.iter().map(|((_, source), _)| source.as_str()).collect();
        let pauses: Vec<f64> = rests.iter().map(|(_, pause)| pause.as_secs_f64()).collect();
        let owner = &self.owner;
        visit!(&mut self.link, connection => {
            // The holder is a little early now and then. Half a pause after it is due, another one takes over.
            let query = sqlx::query(
                "UPDATE leases SET next_at = clock_timestamp() + given.pause * 0.9 * interval '1 second',
                        until = clock_timestamp() + given.pause * 1.5 * interval '1 second'
                    FROM UNNEST($1::text[], $2::text[], $3::float8[]) AS given (tenant, source, pause)
                    WHERE leases.tenant = given.tenant AND leases.source = given.source AND leases.owner = $4",
            );
            query.bind(&names).bind(&sources).bind(&pauses).bind(owner).execute(connection).await?;
            Ok(())
        })
    }

    /// Lets others have all of it as soon as it is due.
    async fn leave(&mut self) -> Result<(), Error> {
        let owner = &self.owner;
        visit!(&mut self.link, connection => {
            let query = sqlx::query("UPDATE leases SET until = next_at WHERE owner = $1").bind(owner);
            query.execute(connection).await?;
            Ok(())
        })
    }
}

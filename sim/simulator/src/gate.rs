//! The way from a worker to the store, on which everything goes wrong; and where mistakes are planted.

use std::sync::Arc;

use async_trait::async_trait;
use prana::core::{ExecutionId, Timestamp};
use prana::store::{
    Attention, Catalog, Claim, Claimed, Committed, Cursor, Delivered, Delta, Filter, Hash, InboxId, Item,
    LoadFrom, Loaded, NewItem, NewVersion, Page, Release, Remove, Removed, Result, Row, Saved, Store,
    StoreError, StoredEntry, Target, Which, WorkerId, Workflow, WorkflowVersion,
};

use crate::plan::Mutation;
use crate::worker::Life;
use crate::world::{LEASE_MS, World};

/// The store, as one worker sees it.
pub(crate) struct Gate {
    pub world: Arc<World>,
    pub life: Arc<Life>,
    pub number: usize,
    pub id: WorkerId,
}

impl Gate {
    /// The way there: it takes time, and may be the worker's last.
    async fn enter(&self, what: &str) -> Result<()> {
        let (world, faults) = (&self.world, self.world.plan.faults);
        self.life.pass().await;
        if world.strikes(faults.freezes, 150) {
            world.note(format_args!("worker {} freezes before {what}", self.number));
            self.life.freeze(world.fate.millis(LEASE_MS * 2));
        }
        let slow = world.strikes(faults.delays, 40);
        tokio::time::sleep(world.fate.millis(if slow { 2_500 } else { 4 })).await;
        self.life.pass().await;
        self.may_die(what).await;
        if world.strikes(faults.refusals, 25) {
            return Err(StoreError::Unavailable { reason: "it is not there now".into() });
        }
        Ok(())
    }

    /// The way back.
    async fn leave<T>(&self, what: &str, done: T) -> Result<T> {
        let (world, faults) = (&self.world, self.world.plan.faults);
        self.may_die(what).await;
        tokio::time::sleep(world.fate.millis(2)).await;
        self.life.pass().await;
        match world.strikes(faults.lost_answers, 30) {
            true => Err(StoreError::Unavailable { reason: "the answer was lost".into() }),
            false => Ok(done),
        }
    }

    async fn may_die(&self, what: &str) {
        if self.world.strikes(self.world.plan.faults.deaths, 250) {
            self.world.note(format_args!("worker {} dies at {what}", self.number));
            self.life.kill();
            self.life.pass().await;
        }
    }

    /// Commits, and watches that the worker had the right to.
    async fn commit_watched(&self, delta: Delta) -> Result<Committed> {
        let (execution, epoch) = (delta.execution, delta.epoch);
        let creates = delta.create.is_some();
        let before = self.world.store.execution(execution).await?;
        let what = describe(&delta);
        let done = self.world.store.commit(delta).await;
        self.world.note(format_args!("worker {}: {what}: {}", self.number, outcome(&done)));
        match &done {
            Ok(_)
                if !creates
                    && !before.is_some_and(|row| row.epoch == epoch && row.claimed_by == Some(self.id)) =>
            {
                let what =
                    format_args!("worker {} writes to {execution}, which it holds no more", self.number);
                self.world.broken(what);
            }
            Err(StoreError::Fenced { .. }) => self.world.record().fenced += 1,
            _ => {}
        }
        done
    }

    /// The delta with the planted mistake; an answer instead, if nothing is to be stored.
    async fn mistaken(&self, mut delta: Delta) -> Result<Delta, Committed> {
        let world = &self.world;
        match world.plan.mutation {
            Some(Mutation::SkipFencing) => self.under_the_newest_epoch(&mut delta).await,
            Some(Mutation::LoseTimer) if world.errs(Mutation::LoseTimer) => {
                delta.waits_opened.iter_mut().for_each(|wait| wait.wake_at = None);
            }
            Some(Mutation::LoseReport) if world.errs(Mutation::LoseReport) => delta.reports.clear(),
            Some(Mutation::DoubleTick) if delta.item.is_some() && world.errs(Mutation::DoubleTick) => {
                // Two things keep a time from being used twice: the state of its schedule, and the key of the start.
                delta.item = None;
                delta.create.iter_mut().for_each(|create| create.start_key = None);
            }
            Some(Mutation::ForgetCreation)
                if is_bare_creation(&delta) && world.errs(Mutation::ForgetCreation) =>
            {
                return Err(as_if_done(&delta));
            }
            Some(Mutation::ActBeforeCommit) if goes_on(&delta) && world.errs(Mutation::ActBeforeCommit) => {
                return Err(as_if_done(&delta));
            }
            Some(Mutation::ForgetResult) if is_later(&delta) && world.errs(Mutation::ForgetResult) => {
                return Err(as_if_done(&delta));
            }
            _ => {}
        }
        Ok(delta)
    }

    async fn under_the_newest_epoch(&self, delta: &mut Delta) {
        if let Ok(Some(row)) = self.world.store.execution(delta.execution).await {
            delta.epoch = row.epoch;
        }
    }
}

/// Creates an execution, and nothing more.
fn is_bare_creation(delta: &Delta) -> bool {
    delta.create.is_some() && delta.entries.is_empty() && delta.item.is_none()
}

/// The holder goes on after this commit, to run an effect for instance.
fn goes_on(delta: &Delta) -> bool {
    delta.create.is_none() && !delta.entries.is_empty() && delta.release == Release::Keep
}

/// It has done something before.
fn is_later(delta: &Delta) -> bool {
    goes_on(delta) && delta.expected_sequence > 0
}

fn as_if_done(delta: &Delta) -> Committed {
    let epoch = if delta.create.is_some() { 1 } else { delta.epoch };
    Committed { epoch, kept: delta.release == Release::Keep, ..Committed::default() }
}

fn describe(delta: &Delta) -> String {
    let Delta { execution, epoch, expected_sequence, entries, release, .. } = delta;
    let created = if delta.create.is_some() { "creates " } else { "" };
    format!("{created}{execution} epoch {epoch} at {expected_sequence} + {} {release:?}", entries.len())
}

fn outcome<T>(done: &Result<T>) -> String {
    match done {
        Ok(_) => "done".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[async_trait]
impl Store for Gate {
    async fn commit(&self, delta: Delta) -> Result<Committed> {
        self.enter("a commit").await?;
        let committed = match self.mistaken(delta.clone()).await {
            Ok(mistaken) if mistaken.epoch != delta.epoch => {
                // What is watched is the epoch that the worker knows of.
                let row = self.world.store.execution(delta.execution).await?;
                let holds =
                    row.is_some_and(|row| row.claimed_by == Some(self.id) && row.epoch == delta.epoch);
                let done = self.world.store.commit(mistaken).await;
                if done.is_ok() && !holds {
                    let execution = delta.execution;
                    self.world.broken(format_args!(
                        "worker {} writes to {execution}, which it holds no more",
                        self.number
                    ));
                }
                done?
            }
            Ok(mistaken) => self.commit_watched(mistaken).await?,
            Err(invented) => invented,
        };
        self.leave("a commit", committed).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>> {
        self.enter("a claim").await?;
        let claimed = self.world.store.claim(claim).await?;
        for one in &claimed {
            let (row, how) = (&one.row, if one.recovered { "takes over" } else { "claims" });
            self.world.note(format_args!("worker {} {how} {} epoch {}", self.number, row.id, row.epoch));
        }
        self.leave("a claim", claimed).await
    }

    async fn load(&self, id: ExecutionId, from: LoadFrom) -> Result<Option<Loaded>> {
        self.enter("a load").await?;
        let loaded = self.world.store.load(id, from).await?;
        self.leave("a load", loaded).await
    }

    async fn payloads(&self, root: ExecutionId, hashes: &[Hash]) -> Result<Vec<Option<Vec<u8>>>> {
        self.enter("payloads").await?;
        self.world.store.payloads(root, hashes).await
    }

    async fn deliver(&self, item: NewItem) -> Result<Delivered> {
        self.enter("an answer").await?;
        let is_answer = item.target != Target::Execution;
        if is_answer && self.world.errs(Mutation::ForgetAnswer) {
            return Ok(Delivered::Resumed { id: InboxId(i64::MAX), owner: None });
        }
        if is_answer && self.world.errs(Mutation::DoubleAnswer) {
            self.world.store.deliver(NewItem { dedupe: None, ..item.clone() }).await?;
        }
        let execution = item.execution;
        let delivered = self.world.store.deliver(item).await?;
        self.world.note(format_args!("worker {}: to the inbox of {execution}: {delivered:?}", self.number));
        self.leave("an answer", delivered).await
    }

    async fn next_wake(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.enter("the next time").await?;
        self.world.store.next_wake(after).await
    }

    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Page> {
        self.enter("a list").await?;
        self.world.store.list(filter, after, limit).await
    }

    async fn execution(&self, id: ExecutionId) -> Result<Option<Row>> {
        self.enter("a row").await?;
        self.world.store.execution(id).await
    }

    async fn trail(&self, id: ExecutionId, from_sequence: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        self.enter("a trail").await?;
        self.world.store.trail(id, from_sequence, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, now: Timestamp, lease_ms: u64) -> Result<Vec<Attention>> {
        self.enter("a sign of life").await?;
        let attention = self.world.store.heartbeat(worker, now, lease_ms).await?;
        self.leave("a sign of life", attention).await
    }

    async fn remove(&self, what: Remove) -> Result<Removed> {
        self.enter("a removal").await?;
        let removed = self.world.store.remove(what).await?;
        self.leave("a removal", removed).await
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[async_trait]
impl Catalog for Gate {
    async fn save_workflow(&self, new: NewVersion) -> Result<Saved> {
        self.enter("a workflow").await?;
        self.world.store.save_workflow(new).await
    }

    async fn workflow(&self, id: &str, which: Which) -> Result<Option<WorkflowVersion>> {
        self.enter("a workflow").await?;
        self.world.store.workflow(id, which).await
    }

    async fn workflows(&self, after: Option<&str>, limit: usize) -> Result<Vec<Workflow>> {
        self.enter("workflows").await?;
        self.world.store.workflows(after, limit).await
    }

    async fn versions(&self, id: &str, before: Option<u64>, limit: usize) -> Result<Vec<WorkflowVersion>> {
        self.enter("versions").await?;
        self.world.store.versions(id, before, limit).await
    }

    async fn activate(&self, id: &str, version: Option<u64>, at: Timestamp) -> Result<bool> {
        self.enter("an activation").await?;
        self.world.store.activate(id, version, at).await
    }

    async fn delete_workflow(&self, id: &str) -> Result<bool> {
        self.enter("a deletion").await?;
        self.world.store.delete_workflow(id).await
    }

    async fn put_item(&self, kind: &str, key: &str, based_on: Option<u64>, bytes: Vec<u8>) -> Result<u64> {
        self.enter("an item").await?;
        let version = self.world.store.put_item(kind, key, based_on, bytes).await?;
        self.leave("an item", version).await
    }

    async fn item(&self, kind: &str, key: &str) -> Result<Option<Item>> {
        self.enter("an item").await?;
        self.world.store.item(kind, key).await
    }

    async fn items(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<Item>> {
        self.enter("items").await?;
        self.world.store.items(kind, after, limit).await
    }

    async fn delete_item(&self, kind: &str, key: &str, based_on: Option<u64>) -> Result<bool> {
        self.enter("an item").await?;
        self.world.store.delete_item(kind, key, based_on).await
    }
}

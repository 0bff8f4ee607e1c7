//! The bell: a hint to other machines that there is something to do. It rings outside of every transaction, on a connection of its own, and may be
//! lost: whoever polls finds out anyway.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio_postgres::{AsyncMessage, Config, NoTls};

use super::committer::Ring;
use super::failure::explain;
use crate::Hint;

/// How often it rings at most.
const PAUSE: Duration = Duration::from_millis(5);
/// When the connection is tried again.
const AGAIN: Duration = Duration::from_secs(2);

const RING_CLAIMANTS: u8 = 1;
const RING_HOLDERS: u8 = 2;

/// What is to be rung, and what was heard.
#[derive(Debug)]
struct Rope {
    pulled: AtomicU8,
    notify: Notify,
    heard: broadcast::Sender<Hint>,
}

/// A handle to the bell. The bell hangs as long as there are handles.
#[derive(Debug, Clone)]
pub(super) struct Bell {
    rope: Arc<Rope>,
    ear: Arc<tokio::sync::Mutex<broadcast::Receiver<Hint>>>,
}

impl Bell {
    /// Hangs it up: it connects by itself, now and again.
    pub fn hang(config: Config) -> Bell {
        let (heard, ear) = broadcast::channel(64);
        let rope = Arc::new(Rope { pulled: AtomicU8::new(0), notify: Notify::new(), heard });
        tokio::spawn(attend(config, Arc::downgrade(&rope)));
        Bell { rope, ear: Arc::new(tokio::sync::Mutex::new(ear)) }
    }

    /// Tells the other machines, soon.
    pub fn ring(&self, whom: Ring) {
        let pull = match whom {
            Ring::Nobody => return,
            Ring::Anybody => RING_CLAIMANTS,
            Ring::Holders => RING_HOLDERS,
        };
        self.rope.pulled.fetch_or(pull, Ordering::Relaxed);
        self.rope.notify.notify_one();
    }

    /// Waits until another machine rings.
    pub async fn heard(&self) -> Hint {
        let mut ear = self.ear.lock().await;
        loop {
            match ear.recv().await {
                Ok(hint) => return hint,
                // Some were missed: look at everything.
                Err(broadcast::error::RecvError::Lagged(_)) => return Hint::Inbox,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Rope {
    fn drop(&mut self) {
        self.notify.notify_one();
    }
}

async fn attend(config: Config, rope: Weak<Rope>) {
    while rope.strong_count() > 0 {
        if let Err(reason) = listen(&config, &rope).await {
            tracing::debug!(%reason, "no hints from other machines now; polling goes on");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Listens and rings until the connection is lost or nobody is left.
async fn listen(config: &Config, rope: &Weak<Rope>) -> Result<(), String> {
    let (client, mut connection) = config.connect(NoTls).await.map_err(|error| explain(&error))?;
    let heard = rope.upgrade().map(|rope| rope.heard.clone()).ok_or("nobody is left")?;
    let own = Arc::new(std::sync::atomic::AtomicI32::new(0));
    let not_own = own.clone();
    let (lost, mut is_lost) = tokio::sync::oneshot::channel::<()>();
    let reading = tokio::spawn(async move {
        let _lost = lost;
        while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(note) = message
                && note.process_id() != not_own.load(Ordering::Relaxed)
            {
                let hint = if note.payload() == "inbox" { Hint::Inbox } else { Hint::Ready };
                // Nobody listens: then nobody needs it.
                let _ = heard.send(hint);
            }
        }
    });
    let _reading = AbortOnDrop(reading);
    let pid = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(|error| explain(&error))?;
    own.store(pid.get(0), Ordering::Relaxed);
    client.batch_execute("LISTEN prana").await.map_err(|error| explain(&error))?;
    loop {
        let Some(strong) = rope.upgrade() else { return Ok(()) };
        let pulled = strong.pulled.swap(0, Ordering::Relaxed);
        if pulled == 0 {
            // Waits without keeping the bell up by itself.
            let waiting =
                async { tokio::time::timeout(Duration::from_secs(1), strong.notify.notified()).await };
            tokio::select! {
                _ = waiting => {}
                _ = &mut is_lost => return Err("the connection is lost".to_owned()),
            }
            continue;
        }
        drop(strong);
        let text = if pulled & RING_HOLDERS > 0 { "NOTIFY prana, 'inbox'" } else { "NOTIFY prana, 'ready'" };
        client.batch_execute(text).await.map_err(|error| explain(&error))?;
        tokio::time::sleep(PAUSE).await;
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

//! The workflow as a person wrote it, as plain data: nothing here is compiled or checked against actions.

use std::fmt;

use prana_template::{Map, Value};

/// A workflow definition: nodes, the connections between them, variables and settings.
///
/// Loading guarantees well-formed ids and keys and settings within their ranges. Whether action types and ports exist
/// is for the compiler to say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Workflow {
    /// Letters, digits, `_`, `.`, `-`; 1 to 128 of them.
    pub id: String,
    /// Shown to people; the id where it is absent (see [`Workflow::display_name`]).
    pub name: Option<String>,
    /// What the workflow is for.
    pub description: Option<String>,
    /// A label of the author. A server counts stored versions itself.
    pub version: Option<u64>,
    /// `$vars`.
    pub variables: Map,
    /// What holds for the whole workflow.
    pub settings: WorkflowSettings,
    /// In the order of the document.
    pub nodes: Vec<Node>,
    /// In the order of the document, which decides which branch runs first.
    pub connections: Vec<Connection>,
}

impl Workflow {
    /// The name, or the id of a workflow that has none.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// The node with this key.
    pub fn node(&self, key: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.key == key)
    }
}

/// One step of a workflow.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// Unique in the workflow: letters, digits, `_`, `-`; 1 to 64 of them.
    pub key: String,
    /// Shown to people; the key where it is absent (see [`Node::display_name`]).
    pub name: Option<String>,
    /// The type of the action it runs, such as `logic.if_condition`.
    pub type_name: String,
    /// Parameters of the action, templates not yet rendered. Always a map.
    pub params: Value,
    /// Retry, errors, timeout, join.
    pub settings: NodeSettings,
    /// Place on the canvas; without it the canvas lays the graph out.
    pub position: Option<Position>,
    /// Remarks of the author.
    pub notes: Option<String>,
    /// A disabled node passes its input through on its default port.
    pub disabled: bool,
    /// An output used instead of running the node, in test runs only. Never [`Value::Null`].
    pub pinned: Option<Value>,
}

impl Node {
    /// The name, or the key of a node that has none.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.key)
    }
}

/// Place of a node on the canvas, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// One connection from an output port to an input port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Key of the node it leaves.
    pub from: String,
    /// Output port; `None` is the default output port of that node's action.
    pub from_port: Option<String>,
    /// Key of the node it leads to.
    pub to: String,
    /// Input port; `None` is `main`.
    pub to_port: Option<String>,
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (End(&self.from, &self.from_port), End(&self.to, &self.to_port));
        write!(f, "{from} -> {to}")
    }
}

struct End<'a>(&'a str, &'a Option<String>);

impl fmt::Display for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(port) => write!(f, "{}.{port}", self.0),
            None => f.write_str(self.0),
        }
    }
}

/// What holds for a whole workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowSettings {
    /// Bound on the running time of an execution in milliseconds; waits don't count.
    pub timeout: Option<u64>,
    /// Runs of one node within one iteration of its innermost loop, 1 or more. Default 10,000.
    pub max_iterations: u64,
    /// Live data of one execution in megabytes, 1 or more. Default 512.
    pub max_memory_mb: u64,
    /// What else runs while a node waits.
    pub on_suspend: OnSuspend,
    /// How often the audit trail is committed.
    pub durability: Durability,
    /// Which finished executions keep their audit trail.
    pub save: Save,
    /// How long finished executions are kept, in milliseconds; `None`: as the server is set.
    pub retention: Option<u64>,
    /// Id of the workflow started when an execution of this one fails.
    pub error_workflow: Option<String>,
    /// How many executions may be open at once.
    pub concurrency: Option<Concurrency>,
}

impl Default for WorkflowSettings {
    fn default() -> Self {
        WorkflowSettings {
            timeout: None,
            max_iterations: 10_000,
            max_memory_mb: 512,
            on_suspend: OnSuspend::default(),
            durability: Durability::default(),
            save: Save::default(),
            retention: None,
            error_workflow: None,
            concurrency: None,
        }
    }
}

/// At most `limit` open executions per key; others queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// 1 or more.
    pub limit: u32,
    /// A template over `$trigger`, `$vars` and `$env`; `None`: one key for the workflow.
    pub key: Option<String>,
}

/// What happens to one node's run when it fails, waits, or takes too long.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSettings {
    /// Whether a failure of the action is tried again. Default false.
    pub retry_on_failed: bool,
    /// Tries after the first, 1 to 10. Default 1.
    pub max_retries: u32,
    /// Milliseconds before the next try, 0 to 3,600,000. Default 1000.
    pub retry_delay_ms: u64,
    /// How the delay grows.
    pub backoff: Backoff,
    /// Upper bound of a growing delay, in milliseconds.
    pub max_retry_delay_ms: Option<u64>,
    /// Share of the delay that is random, 0 to 1. Default 0.
    pub retry_jitter: f64,
    /// What follows when the node has failed for good.
    pub on_error: OnError,
    /// Bound on one attempt in milliseconds, 1 or more.
    pub timeout_ms: Option<u64>,
    /// How several tokens are joined; `None`: as the action's number of input ports says.
    pub join: Option<Join>,
    /// What follows when the process died while the node ran.
    pub on_crash: OnCrash,
}

impl Default for NodeSettings {
    fn default() -> Self {
        NodeSettings {
            retry_on_failed: false,
            max_retries: 1,
            retry_delay_ms: 1000,
            backoff: Backoff::default(),
            max_retry_delay_ms: None,
            retry_jitter: 0.0,
            on_error: OnError::default(),
            timeout_ms: None,
            join: None,
            on_crash: OnCrash::default(),
        }
    }
}

/// A setting that is one of a few words: the words as documents write them, and the way back.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// All the words, in the order in which documentation lists them.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word in a document.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value that a word means.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// What else runs while a node waits.
    #[derive(Default)]
    OnSuspend {
        /// Nothing: the order never depends on when an answer comes.
        #[default]
        Hold = "hold",
        /// Other branches go on, so several waits can be open at once.
        Continue = "continue",
    }
);

words!(
    /// How often the audit trail is committed.
    #[derive(Default)]
    Durability {
        /// Before and after every node that touches the outside world.
        #[default]
        Effect = "effect",
        /// After every node.
        EveryNode = "every_node",
        /// When the execution suspends or ends.
        OnSuspend = "on_suspend",
    }
);

words!(
    /// Which finished executions keep their audit trail.
    #[derive(Default)]
    Save {
        /// Every one.
        #[default]
        All = "all",
        /// Those that did not complete.
        Failed = "failed",
        /// None.
        None = "none",
    }
);

words!(
    /// How the delay between tries grows.
    #[derive(Default)]
    Backoff {
        /// It stays as it is.
        #[default]
        Fixed = "fixed",
        /// It doubles with each try.
        Exponential = "exponential",
    }
);

words!(
    /// What follows when a node has failed for good.
    #[derive(Default)]
    OnError {
        /// The node fails and the execution with it.
        #[default]
        StopWorkflow = "stop_workflow",
        /// The node completes on its default port with the error as its output.
        Continue = "continue",
        /// The node completes on the virtual port `error`.
        ContinueErrorOutput = "continue_error_output",
    }
);

words!(
    /// How the tokens that reach a node become activations.
    Join {
        /// Every token is an activation of its own.
        Each = "each",
        /// The node waits for all that can still come, and runs once.
        All = "all",
    }
);

words!(
    /// What follows when the process died while the node ran.
    #[derive(Default)]
    OnCrash {
        /// The node runs again, with the same idempotency key.
        #[default]
        Retry = "retry",
        /// The node fails.
        Fail = "fail",
        /// A person decides.
        Ask = "ask",
    }
);

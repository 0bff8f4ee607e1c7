//! `prana mcp`: workflows and executions as tools of the Model Context Protocol, over stdin and stdout.

use std::sync::Arc;

use reqwest::Method;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Map, Value, json};

use crate::client::{Client, Where, object, query, segment};
use crate::exit::{Exit, Failure, Outcome};
use crate::session;

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
}

/// Answers until stdin ends.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let mut client = Client::open_or_make(&args.place).await?;
        client.advance();
        let client = Arc::new(client);
        let handler = Handler { client: Arc::clone(&client) };
        let service = handler.serve(rmcp::transport::stdio()).await.map_err(Failure::new)?;
        service.waiting().await.map_err(Failure::new)?;
        if let Some(client) = Arc::into_inner(client) {
            client.close().await;
        }
        Ok(Exit::Done)
    })
}

/// A tool: what it is called, what it does, the properties that it takes and which of them it needs.
struct Offer {
    name: &'static str,
    description: &'static str,
    properties: fn() -> Value,
    required: &'static [&'static str],
    /// It only looks.
    reads: bool,
}

const OFFERS: &[Offer] = &[
    Offer {
        name: "list_workflows",
        description: "Lists saved workflows: id, name, description, versions, triggers.",
        properties: || json!({"search": {"type": "string", "description": "Only those whose id, name, description or node types contain this."}}),
        required: &[],
        reads: true,
    },
    Offer {
        name: "describe_workflow",
        description: "Gives a workflow's document: its nodes, connections and settings.",
        properties: || {
            json!({
                "id": {"type": "string"},
                "version": {"type": ["integer", "string"], "description": "A number, `active` or `latest` (the default)."},
            })
        },
        required: &["id"],
        reads: true,
    },
    Offer {
        name: "validate_workflow",
        description: "Says everything that is wrong with a workflow document, with places and advice. Nothing is saved.",
        properties: || {
            json!({
                "workflow": {"type": "object", "description": "The document as JSON."},
                "source": {"type": "string", "description": "Or its text, YAML or JSON."},
            })
        },
        required: &[],
        reads: true,
    },
    Offer {
        name: "list_actions",
        description: "Lists what nodes can run: types, titles, kinds, ports.",
        properties: || json!({}),
        required: &[],
        reads: true,
    },
    Offer {
        name: "describe_action",
        description: "Explains an action, with the JSON Schema of its parameters.",
        properties: || json!({"type": {"type": "string", "description": "Such as http.request."}}),
        required: &["type"],
        reads: true,
    },
    Offer {
        name: "run_workflow",
        description: "Runs a saved workflow, or a document as it is. Gives its output, its error, or where it waits; an execution that takes longer than a minute goes on.",
        properties: || {
            json!({
                "workflow_id": {"type": "string", "description": "A saved and active workflow."},
                "document": {"type": "object", "description": "Or a document to run as it is."},
                "input": {"description": "What the trigger puts out."},
                "trigger": {"type": "string", "description": "The trigger node; needed where there are several."},
                "version": {"type": "integer", "description": "A version; the active one, if not said."},
                "until": {"type": "string", "description": "The last node to run."},
            })
        },
        required: &[],
        reads: false,
    },
    Offer {
        name: "list_executions",
        description: "Lists executions, newest first, with why those that failed did.",
        properties: || {
            json!({
                "status": {"type": "string", "description": "Of these, with commas: pending, running, suspended, completed, failed, cancelled, timeout."},
                "workflow_id": {"type": "string"},
                "search": {"type": "string", "description": "Whose id, workflow or error contains this."},
                "cursor": {"type": "string", "description": "`next` of the page before."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 500},
            })
        },
        required: &[],
        reads: true,
    },
    Offer {
        name: "inspect_execution",
        description: "Shows an execution: status, output, error, what it waits for, and its node runs in order.",
        properties: || {
            json!({
                "id": {"type": "string"},
                "outputs": {"type": "boolean", "description": "With parameters and output of each node run."},
                "after": {"type": "integer", "description": "`next` of the node runs before."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 500},
            })
        },
        required: &["id"],
        reads: true,
    },
    Offer {
        name: "resume_execution",
        description: "Answers a node that waits.",
        properties: || {
            json!({
                "id": {"type": "string"},
                "node": {"type": "string", "description": "The key of the node that waits."},
                "index": {"type": "integer", "description": "Or the execution_index of the run that waits."},
                "data": {"description": "The answer."},
            })
        },
        required: &["id"],
        reads: false,
    },
];

impl Offer {
    fn tool(&self) -> Tool {
        let schema = json!({
            "type": "object",
            "properties": (self.properties)(),
            "required": self.required,
            "additionalProperties": false,
        });
        let schema = schema.as_object().cloned().unwrap_or_default();
        let hints = ToolAnnotations::new().read_only(self.reads);
        Tool::new(self.name, self.description, Arc::new(schema)).with_annotations(hints)
    }

    /// What is wrong with arguments by their names.
    fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        let known = (self.properties)();
        if let Some(name) = arguments.keys().find(|name| known.get(name.as_str()).is_none()) {
            return Err(format!("`{}` takes no `{name}`", self.name));
        }
        match self.required.iter().find(|name| !arguments.contains_key(**name)) {
            Some(name) => Err(format!("`{}` needs `{name}`", self.name)),
            None => Ok(()),
        }
    }
}

struct Handler {
    client: Arc<Client>,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("prana", env!("CARGO_PKG_VERSION")))
            .with_instructions(
                "Prana runs workflows: graphs of nodes. Look at `list_actions` and `describe_action` before writing a document, and check it with \
                 `validate_workflow`.",
            )
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(OFFERS.iter().map(Offer::tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let offer = OFFERS.iter().find(|offer| *offer.name == *request.name);
        let unknown = || ErrorData::invalid_params(format!("there is no tool `{}`", request.name), None);
        let offer = offer.ok_or_else(unknown)?;
        let arguments = request.arguments.unwrap_or_default();
        if let Err(problem) = offer.check(&arguments) {
            return Err(ErrorData::invalid_params(problem, None));
        }
        // What the API refuses is for the model to read, and to do better.
        let result = match call(&self.client, offer.name, &Value::Object(arguments)).await {
            Ok((true, value)) => CallToolResult::structured(value),
            Ok((false, problem)) => CallToolResult::structured_error(problem),
            Err(failure) => CallToolResult::error(vec![ContentBlock::text(failure.to_string())]),
        };
        Ok(result.into())
    }
}

/// Whether it went well, and what the API said.
async fn call(client: &Client, name: &str, arguments: &Value) -> Outcome<(bool, Value)> {
    let text = |name: &str| match &arguments[name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let id = segment(&text("id").unwrap_or_default());
    let given = |names: &[&'static str]| {
        object(&names.iter().map(|name| (*name, arguments.get(*name).cloned())).collect::<Vec<_>>())
    };
    let get = async |path: String| ask(client, Method::GET, &path, None).await;
    let post = async |path: String, body: Value| ask(client, Method::POST, &path, Some(&body)).await;
    match name {
        "list_workflows" => {
            let path = format!("/workflows{}", query(&[("q", text("search"))]));
            Ok((true, json!({"workflows": client.all(&path, "workflows", "after").await?})))
        }
        "describe_workflow" => {
            get(format!("/workflows/{id}{}", query(&[("version", text("version"))]))).await
        }
        "validate_workflow" => post("/workflows/validate".to_owned(), arguments.clone()).await,
        "list_actions" => {
            let (good, mut actions) = get("/actions".to_owned()).await?;
            for action in actions["actions"].as_array_mut().into_iter().flatten() {
                action["params_schema"].take();
            }
            Ok((good, actions))
        }
        "describe_action" => get(format!("/actions/{}", segment(&text("type").unwrap_or_default()))).await,
        "run_workflow" => post("/executions?mode=sync".to_owned(), arguments.clone()).await,
        "list_executions" => {
            let asked = query(&[
                ("status", text("status")),
                ("workflow_id", text("workflow_id")),
                ("q", text("search")),
                ("cursor", text("cursor")),
                ("limit", text("limit")),
            ]);
            get(format!("/executions{asked}")).await
        }
        "inspect_execution" => {
            let (good, shown) = get(format!("/executions/{id}")).await?;
            if !good {
                return Ok((good, shown));
            }
            let include = (arguments["outputs"] == true).then(|| "params,output".to_owned());
            let asked = query(&[("include", include), ("after", text("after")), ("limit", text("limit"))]);
            let (good, runs) = get(format!("/executions/{id}/node_executions{asked}")).await?;
            Ok((good, json!({"execution": shown, "runs": runs})))
        }
        "resume_execution" => {
            post(format!("/executions/{id}/resume"), given(&["node", "index", "data"])).await
        }
        other => Err(Failure::new(format!("there is no tool `{other}`"))),
    }
}

async fn ask(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Outcome<(bool, Value)> {
    let (status, body) = client.try_ask(method, path, body).await?;
    Ok(((200..300).contains(&status), body))
}

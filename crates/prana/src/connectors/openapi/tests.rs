#![allow(clippy::unwrap_used)]

use prana_template::{Value, value};

use super::*;

fn document(paths: Value) -> Value {
    value!({
        "openapi": "3.0.3",
        "info": {"title": "Pet Shop API", "description": "All about\n  pets."},
        "servers": [{"url": "https://{region}.pets.example/v1/", "variables": {"region": {"default": "eu"}}}],
        "paths": paths,
        "components": {
            "schemas": {
                "Pet": {
                    "type": "object",
                    "required": ["name", "id"],
                    "properties": {
                        "id": {"type": "integer", "readOnly": true},
                        "name": {"type": "string", "minLength": 1, "pattern": "^[a-z]"},
                        "tag": {"type": "string", "nullable": true},
                        "parent": {"$ref": "#/components/schemas/Pet"}
                    }
                },
                "Named": {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "object", "properties": {"owner": {"type": "string"}}, "required": ["owner"]}]}
            },
            "parameters": {"Page": {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}}},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
                "token": {"type": "http", "scheme": "Bearer", "description": "A token."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "s"},
                "oauth": {"type": "oauth2", "flows": {"authorizationCode": {"authorizationUrl": "https://a.example/auth", "tokenUrl": "https://a.example/token", "scopes": {"read": "Reads"}}}}
            }
        }
    })
}

fn converted(paths: Value, options: &OpenApiOptions) -> Result<Converted, Vec<Diagnostic>> {
    from_openapi("api.json", document(paths).to_json_string().as_bytes(), options)
}

/// The action that one operation becomes, and what is told of it.
fn action(path: &str, method: &str, operation: Value) -> (Value, Vec<String>) {
    let item = Value::Map(Map::from_iter([(method.into(), operation)]));
    let keep = value!({"get": {"operationId": "keep"}});
    let paths = Value::Map(Map::from_iter([("/keep".into(), keep), (path.into(), item)]));
    let made = converted(paths, &OpenApiOptions::default()).unwrap();
    let told = &made.operations[1];
    let (_, read) = document::read_value("made.yaml", made.text.as_bytes()).unwrap();
    let action = told.action.as_ref().and_then(|name| read.get("actions")?.get(name).cloned());
    (action.unwrap_or_default(), told.notes.clone())
}

#[test]
fn the_head_says_what_the_service_is() {
    let made = converted(value!({"/a": {"get": {"summary": "All"}}}), &OpenApiOptions::default()).unwrap();
    let (_, read) = document::read_value("made.yaml", made.text.as_bytes()).unwrap();
    for (key, expected) in [
        ("id", value!("pet_shop_api")),
        ("title", value!("Pet Shop API")),
        ("description", value!("All about pets.")),
        ("base_url", value!("https://eu.pets.example/v1")),
        (
            "credentials",
            value!([
                {"kind": "header", "name": "X-Key", "hosts": ["eu.pets.example"]},
                {"kind": "bearer", "description": "A token.", "hosts": ["eu.pets.example"]},
                {"kind": "oauth2_authorization_code", "authorize_url": "https://a.example/auth",
                    "token_url": "https://a.example/token", "scopes": ["read"], "hosts": ["eu.pets.example"]}
            ]),
        ),
        ("actions", value!({"get_a": {"title": "All", "request": {"method": "GET", "path": "/a"}}})),
    ] {
        assert_eq!(read.get(key), Some(&expected), "{key}");
    }
    assert_eq!(made.notes, ["the security scheme `cookie` is left out: its key goes into a cookie"]);
}

#[test]
fn parameters_come_from_the_path_and_the_operation() {
    let operation = value!({
        "operationId": "listPets",
        "parameters": [
            {"name": "owner-id", "in": "path", "required": true, "schema": {"type": "string"}},
            {"$ref": "#/components/parameters/Page"},
            {"name": "tags", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "string"}}},
            {"name": "id", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
            {"name": "auth", "in": "query", "description": "Whose.", "schema": {"type": "string"}},
            {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
            {"name": "Accept", "in": "header", "schema": {"type": "string"}},
            {"name": "s", "in": "cookie", "schema": {"type": "string"}},
            {"name": "where", "in": "query", "style": "deepObject", "schema": {"type": "object"}}
        ]
    });
    let (action, notes) = action("/owners/{owner-id}/pets", "get", operation);
    assert_eq!(
        action.get("params"),
        Some(&value!({
            "required": ["owner_id"],
            "properties": {
                "owner_id": {"type": "string"},
                "page": {"type": "integer", "minimum": 1},
                "tags": {"type": "array", "items": {"type": "string"}},
                "id": {"type": "array", "items": {"type": "integer"}},
                "query_auth": {"type": "string", "description": "Whose."},
                "X_Trace": {"type": "string"}
            }
        }))
    );
    assert_eq!(
        action.get("request"),
        Some(&value!({
            "method": "GET",
            "path": "/owners/{owner_id}/pets",
            "query": {
                "page": "{{ $params.page }}",
                "tags": "{{ $params.tags ? ($params.tags | join(',')) : null }}",
                "id": "{{ $params.id }}",
                "auth": "{{ $params.query_auth }}"
            },
            "headers": {"X-Trace": "{{ $params.X_Trace }}"}
        }))
    );
    assert_eq!(
        notes,
        [
            "the parameter `s` is left out: it is a cookie",
            "the parameter `where` is left out: it is in a form of its own"
        ]
    );
}

#[test]
fn fields_of_a_body_become_parameters() {
    let body = |kind: &str, schema: Value| {
        let content = Value::Map(Map::from_iter([(kind.into(), value!({"schema": schema}))]));
        value!({"requestBody": {"required": true, "content": content}})
    };
    let (json, notes) = action("/pets/{name}", "post", {
        let mut operation = body("application/json", value!({"$ref": "#/components/schemas/Named"}))
            .as_map()
            .cloned()
            .unwrap();
        operation
            .insert("parameters", value!([{"name": "name", "in": "path", "schema": {"type": "string"}}]));
        Value::Map(operation)
    });
    assert_eq!(notes, Vec::<String>::new());
    let properties = json.get("params").and_then(|params| params.get("properties")).unwrap();
    let names: Vec<&str> = properties.as_map().unwrap().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["name", "owner", "body_name", "tag", "parent"]);
    assert_eq!(
        json.get("params").and_then(|params| params.get("required")),
        Some(&value!(["name", "owner", "body_name"]))
    );
    assert_eq!(properties.get("tag"), Some(&value!({"type": ["string", "null"]})));
    assert_eq!(properties.get("parent"), Some(&value!({})), "a schema that holds itself ends there");
    let expected = "{{ $params | pick([\"owner\",\"tag\",\"parent\"]) | merge($params.body_name != null ? {\"name\": $params.body_name} : {}) }}";
    assert_eq!(json.get("request").and_then(|request| request.get("body")), Some(&value!(expected)));

    let (form, _) = action(
        "/form",
        "post",
        body(
            "application/x-www-form-urlencoded",
            value!({"type": "object", "properties": {"a": {"type": "string"}}}),
        ),
    );
    assert_eq!(
        form.get("request"),
        Some(
            &value!({"method": "POST", "path": "/form", "body_type": "form", "body": "{{ $params | pick([\"a\"]) }}"})
        )
    );

    let (list, _) = action(
        "/list",
        "post",
        body("application/json", value!({"type": "array", "items": {"type": "string"}})),
    );
    assert_eq!(
        list.get("request").and_then(|request| request.get("body")),
        Some(&value!("{{ $params.body }}"))
    );

    let (none, notes) = action("/xml", "post", body("application/xml", value!({})));
    assert_eq!(
        (none, notes),
        (Value::Null, vec!["its body is application/xml, which can't be sent".to_owned()])
    );
}

#[test]
fn what_is_left_out_is_told() {
    let paths = value!({"/a": {
        "get": {"operationId": "getA", "tags": ["x"], "responses": {"200": {"content": {"image/png": {}}}}},
        "put": {"operationId": "putA", "deprecated": true, "tags": ["x"]},
        "post": {"operationId": "getA"},
        "delete": {"parameters": [{"name": "c", "in": "cookie", "required": true}]}
    }});
    let fates = |options: &OpenApiOptions| -> Vec<String> {
        let made = converted(paths.clone(), options).unwrap();
        made.operations
            .iter()
            .map(|one| format!("{} {:?} {}", one.operation, one.action, one.fate.as_str()))
            .collect()
    };
    assert_eq!(
        fates(&OpenApiOptions::default()),
        [
            "GET /a Some(\"get_a\") changed",
            "PUT /a None left out",
            "POST /a Some(\"get_a_2\") carried over",
            "DELETE /a None left out",
        ]
    );
    let some = |names: &[&str]| OpenApiOptions {
        operations: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    assert_eq!(fates(&some(&["putA"])), ["PUT /a Some(\"put_a\") carried over"]);
    assert_eq!(fates(&some(&["x"])), ["GET /a Some(\"get_a\") changed", "PUT /a None left out"]);
}

#[test]
fn documents_that_are_refused() {
    for (text, expected) in [
        ("{}", "version 3.0 or 3.1"),
        ("swagger: '2.0'", "version 3.0 or 3.1"),
        ("openapi: 3.1.0\ninfo: {title: A}\npaths: {}", "where the service is"),
        ("openapi: 3.1.0\ninfo: {title: A}\nservers: [{url: /v1}]", "where the service is"),
        (
            "openapi: 3.1.0\ninfo: {title: A}\nservers: [{url: 'https://a'}]\npaths: {}",
            "a connector has 1 to",
        ),
        ("openapi: [", ""),
    ] {
        let findings = from_openapi("a.yaml", text.as_bytes(), &OpenApiOptions::default()).unwrap_err();
        assert!(findings[0].message.contains(expected), "{text}: {findings:?}");
    }
    let options = OpenApiOptions {
        base_url: Some("https://b.example/".to_owned()),
        id: Some("mine".to_owned()),
        ..Default::default()
    };
    let made = from_openapi("a.yaml", b"openapi: 3.1.0\npaths: {/a: {get: {}}}", &options).unwrap();
    assert!(
        made.text.starts_with("id: mine\ntitle: API\nbase_url: \"https://b.example\"\n"),
        "{}",
        made.text
    );
}

/// Deep, wide and circular schemas end; odd names and types do no harm.
#[test]
fn strange_documents_end() {
    let mut deep = value!({"type": "string"});
    for _ in 0..60 {
        deep = value!({"type": "object", "properties": {"a": deep}});
    }
    let wide: Map =
        (0..3000).map(|number| (format!("f{number}").as_str().into(), value!({"type": "string"}))).collect();
    let circle = value!({"$ref": "#/paths/~1odd/get"});
    for operation in [
        value!({"requestBody": {"content": {"application/json": {"schema": deep}}}}),
        value!({"requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": wide}}}}}),
        circle,
        value!({"parameters": [{"name": "a}b\"}}'\\", "in": "query"}, {"name": "7", "in": "query"}, 5, null]}),
        value!({"operationId": "{{ $x }}", "summary": "{{ $secrets.a }}", "description": "{% if %}"}),
        value!({"parameters": "none", "requestBody": [], "responses": 7, "tags": {}}),
        value!({"parameters": [{"name": "auth", "in": "query", "schema": {"type": ["odd", 5], "enum": [], "minimum": "x", "default": null}}]}),
        value!(null),
        value!("text"),
    ] {
        let item = Value::Map(Map::from_iter([("get".into(), operation.clone())]));
        let made =
            converted(value!({"/keep": {"get": {}}, "/odd": item}), &OpenApiOptions::default()).unwrap();
        assert!(made.connector.actions().count() >= 1, "{operation:?}");
    }
}

#[test]
fn names() {
    for (text, expected) in [
        ("getPetById", "get_pet_by_id"),
        ("get /pets/{id}", "get_pets_id"),
        ("HTTPServer", "httpserver"),
        ("2fast", "a_2fast"),
        ("--", "a"),
        ("ünïcode", "n_code"),
    ] {
        assert_eq!(snake(text), expected, "{text}");
    }
    assert!(snake(&"x".repeat(200)).len() <= 64);
}

//! Every statement finds its rows by an index.

use std::path::Path;

use rusqlite::Connection;

/// Tables of a handful of rows, the first row of a table, and statements that run once at the start.
const MAY_SCAN: [&str; 4] = ["expel_workers", "grave", "lapsed", "ordinals"];

#[test]
fn no_statement_scans_a_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sqlite");
    let connection = Connection::open_in_memory().unwrap();
    for step in ["0001", "0002"] {
        let path = folder.join(format!("migrations/{step}.sql"));
        connection.execute_batch(&std::fs::read_to_string(path).unwrap()).unwrap();
    }
    let mut seen = 0;
    for file in std::fs::read_dir(folder.join("sql")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        seen += 1;
        for step in plan(&connection, &text) {
            // A scan of an index in its order, stopped by a limit, is a search as well.
            let is_scan =
                step.starts_with("SCAN") && !step.contains("USING") && !step.contains("CONSTANT ROW");
            let sorts_much =
                step.contains("USE TEMP B-TREE") && name.starts_with("list") && name != "list_held";
            assert!(!is_scan && !sorts_much || MAY_SCAN.contains(&name.as_str()), "{name}: {step}");
        }
    }
    assert!(seen > 60, "the statements are where they are looked for");
}

fn plan(connection: &Connection, text: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
    let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
    let steps = statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get(3)).unwrap();
    steps.collect::<Result<_, _>>().unwrap()
}

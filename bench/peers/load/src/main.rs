//! Load for servers on this machine, from one thread, so that most of the machine is left to them.
//!
//! `prana-peers-load requests ADDRESS KEY=VALUE...` sends requests over connections that stay open, one after the other on each;
//! `prana-peers-load listeners ADDRESS KEY=VALUE...` opens event streams of Prana and tells how late events come.
//!
//! Each prints one line of JSON. Only addresses of this machine are called.

mod arguments;
mod listeners;
mod requests;
mod response;
mod times;

use arguments::Arguments;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match words.as_slice() {
        ["requests", address, rest @ ..] => runtime.block_on(requests::send(address, &Arguments::new(rest))),
        ["listeners", address, rest @ ..] => {
            runtime.block_on(listeners::listen(address, &Arguments::new(rest)))
        }
        _ => fail("say `requests ADDRESS KEY=VALUE...` or `listeners ADDRESS KEY=VALUE...`"),
    }
}

fn fail(problem: &str) -> ! {
    eprintln!("{problem}");
    std::process::exit(2)
}

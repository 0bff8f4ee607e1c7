# The tasks of everyday work. `just` lists them.

default:
    @just --list

# All tests, on a fresh machine too.
test:
    ./test

# What every change must pass.
ci:
    bash .ci/run

# The web UI's tests alone.
ui:
    ui/test

# New pictures for the docs, taken by the tests of the web UI.
pictures:
    PICTURES=1 ui/test

# The behaviour suite alone.
conformance:
    cargo test -p prana --test all conformance

# Format and lint.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

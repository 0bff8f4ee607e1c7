//! Takes the built web UI anew when it has changed. It is built by `npm run build` in `ui/`; nothing is built from here.

fn main() {
    println!("cargo::rerun-if-changed=../../ui/dist");
}

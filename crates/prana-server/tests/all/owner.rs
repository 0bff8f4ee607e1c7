use prana_server::Owner;
use reqwest::Method;

use crate::kit::Kit;

#[cfg(unix)]
fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn programs_of_the_same_user_find_the_server() {
    let scratch = crate::kit::Scratch::new();
    let lock = scratch.path().join("prana.db.lock");
    std::fs::write(&lock, "").unwrap();
    assert_eq!(Owner::of(&scratch.database()), None);
    let kit = Kit::over(scratch, |_| {}).await;
    let owner = Owner::of(&kit.scratch.database()).unwrap();
    assert_eq!((owner.process, owner.address), (std::process::id(), kit.running.address()));
    #[cfg(unix)]
    assert_eq!(mode(&lock), 0o600);
    let asks = kit.ask(Method::GET, "/api/v1/workflows").bearer_auth(&owner.token);
    kit.send(asks).await.is(200);
    let database = kit.scratch.database();
    let first = owner.token;
    kit.running.shut_down().await;
    assert_eq!(Owner::of(&database), None);
    let again = Kit::over(kit.scratch, |_| {}).await;
    assert_ne!(Owner::of(&again.scratch.database()).unwrap().token, first);
}

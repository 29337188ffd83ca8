//! The adapter in a folder, with a shell command in Postfix' place that remembers what it loaded.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::order::MailServer;

/// Two maps, and a command that copies the transport map on every reload.
struct Stage {
    folder: TempDir,
    gateway: PostfixGateway,
}

impl Stage {
    fn new() -> Self {
        Self::with("true")
    }

    /// `after` decides how the reload ends.
    fn with(after: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let gateway = open(&folder, after);
        Self { folder, gateway }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn reloads(&self) -> usize {
        self.file("reloads").lines().count()
    }

    fn set(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }
}

fn open(folder: &TempDir, after: &str) -> PostfixGateway {
    let path = folder.path();
    let script = format!("cd '{}' && cp transport loaded && echo x >>reloads; {after}", path.display());
    let reload = ["sh", "-c", script.as_str()].map(str::to_owned);
    PostfixGateway::new(&path.join("relay_domains"), &path.join("transport"), &reload).unwrap()
}

fn desire(domain: &str, mode: RouteMode, generation: u64) -> RouteDesire {
    let server = |host: &str, standby| MailServer { host: host.to_owned(), port: 25, standby };
    let servers =
        vec![server("backup.customer.example", true), server("192.0.2.7", false), server("2001:db8::7", false)];
    RouteDesire { domain: name(domain), mode, servers, generation }
}

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_maps_say_what_is_desired_and_are_loaded() {
    let stage = Stage::new();
    for (domain, mode) in [
        ("defer.example", RouteMode::Defer),
        ("deliver.example", RouteMode::Deliver),
        ("reject.example", RouteMode::Reject),
        ("absent.example", RouteMode::Absent),
    ] {
        stage.gateway.apply(&desire(domain, mode, 1)).await.unwrap();
        let known = Some(mode).filter(|mode| *mode != RouteMode::Absent);
        assert_eq!(stage.gateway.observe(&name(domain)).await.unwrap(), known);
    }
    insta::assert_snapshot!(stage.file("relay_domains"), @r"
    # Written by fencepost from the routes beside it; a change made here is lost.
    defer.example relay
    deliver.example relay
    reject.example relay
    ");
    insta::assert_snapshot!(stage.file("transport"), @r"
    # Written by fencepost from the routes beside it; a change made here is lost.
    defer.example retry:4.3.0 Mail for this domain is not taken here yet, try again later
    .defer.example error:5.7.1 Relay access denied
    deliver.example relay:[192.0.2.7]:25, [2001:db8::7]:25, [backup.customer.example]:25
    .deliver.example error:5.7.1 Relay access denied
    reject.example error:5.7.1 Mail for this domain is not taken here any more
    .reject.example error:5.7.1 Relay access denied
    ");
    assert_eq!(stage.file("loaded"), stage.file("transport"));
    for map in ["transport", "relay_domains"] {
        let mode = fs::metadata(stage.folder.path().join(map)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "Postfix' processes must be able to read {map}");
    }
    assert_eq!(stage.gateway.observe(&name("unknown.example")).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_so_already_is_not_loaded_again() {
    let stage = Stage::new();
    stage.gateway.apply(&desire("a.example", RouteMode::Defer, 1)).await.unwrap();
    let before = stage.reloads();
    stage.gateway.apply(&desire("a.example", RouteMode::Defer, 1)).await.unwrap();
    assert_eq!(stage.reloads(), before);
    // A new process with the same files knows it too.
    open(&stage.folder, "true").apply(&desire("a.example", RouteMode::Defer, 1)).await.unwrap();
    assert_eq!(stage.reloads(), before);
}

#[tokio::test]
async fn only_the_map_that_changes_is_written_and_the_same_route_again_is_not_loaded() {
    use std::os::unix::fs::MetadataExt;
    let stage = Stage::new();
    let inode = |name: &str| fs::metadata(stage.folder.path().join(name)).unwrap().ino();
    stage.gateway.apply(&desire("a.example", RouteMode::Defer, 1)).await.unwrap();
    let (listed, transport, reloads) = (inode("relay_domains"), inode("transport"), stage.reloads());
    stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 2)).await.unwrap();
    assert_eq!(inode("relay_domains"), listed, "the domain is listed as before");
    assert_ne!(inode("transport"), transport);
    assert_eq!(stage.reloads(), reloads + 1);
    let transport = inode("transport");
    stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 3)).await.unwrap();
    assert_eq!((inode("transport"), stage.reloads()), (transport, reloads + 1));
    let late = stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 2)).await.unwrap_err();
    assert!(matches!(late, GatewayError::Stale { ours: 2, seen: 3, .. }), "the generation is written down: {late}");
}

#[tokio::test]
async fn a_lower_generation_is_refused_also_after_a_removal_and_a_restart() {
    let stage = Stage::new();
    stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 4)).await.unwrap();
    stage.gateway.apply(&desire("a.example", RouteMode::Absent, 5)).await.unwrap();
    for gateway in [stage.gateway.clone(), open(&stage.folder, "true")] {
        let late = gateway.apply(&desire("a.example", RouteMode::Deliver, 4)).await.unwrap_err();
        assert!(matches!(late, GatewayError::Stale { ours: 4, seen: 5, .. }), "{late}");
        assert_eq!(gateway.observe(&name("a.example")).await.unwrap(), None);
    }
    assert!(!stage.file("transport").contains("a.example"));
}

#[tokio::test]
async fn a_failing_reload_is_an_error_with_its_words_and_nothing_is_confirmed() {
    let stage = Stage::with("[ ! -e broken ] || { echo 'fatal: no mail system' >&2; exit 3; }");
    stage.gateway.apply(&desire("a.example", RouteMode::Defer, 1)).await.unwrap();
    stage.set("broken", "");
    let error = stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 2)).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("fatal: no mail system"), "{error}");
    for gateway in [&stage.gateway, &open(&stage.folder, "true")] {
        for domain in ["a.example", "b.example"] {
            assert!(gateway.observe(&name(domain)).await.is_err(), "Postfix may have anything loaded");
        }
    }
    fs::remove_file(stage.folder.path().join("broken")).unwrap();
    stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 2)).await.unwrap();
    assert_eq!(stage.gateway.observe(&name("a.example")).await.unwrap(), Some(RouteMode::Deliver));
}

#[tokio::test]
async fn a_reload_that_cannot_be_started_or_hangs_is_bounded() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("no-such-command").display().to_string();
    let error = reload::run(&[missing], Duration::from_secs(5)).await.unwrap_err();
    assert!(error.contains("cannot be started"), "{error}");
    let hanging = ["sh", "-c", "exec sleep 600"].map(str::to_owned);
    let error = reload::run(&hanging, Duration::from_millis(50)).await.unwrap_err();
    assert!(error.contains("did not end within"), "{error}");
    let chatty = ["sh", "-c", "yes 'a\tb' | head -c 300000 >&2; exit 1"].map(str::to_owned);
    let error = reload::run(&chatty, Duration::from_secs(20)).await.unwrap_err();
    assert!(error.len() < 2500 && !error.contains(['\n', '\t']), "{error}");
}

#[tokio::test]
async fn a_crash_between_write_and_rename_leaves_the_old_map() {
    let stage = Stage::new();
    stage.gateway.apply(&desire("a.example", RouteMode::Defer, 1)).await.unwrap();
    let (map, old) = (stage.folder.path().join("transport"), stage.file("transport"));
    drop(files::prepare(&map, b"half of a ma", MAP_MODE).unwrap());
    assert_eq!(stage.file("transport"), old);
    // What it left behind is in nobody's way.
    stage.gateway.apply(&desire("a.example", RouteMode::Reject, 2)).await.unwrap();
    assert!(stage.file("transport").contains("a.example error:"));
    assert!(!stage.folder.path().join("transport.new").exists());
}

#[tokio::test]
async fn a_crash_before_the_reload_is_made_up_for() {
    let stage = Stage::new();
    stage.gateway.apply(&desire("a.example", RouteMode::Defer, 1)).await.unwrap();
    // As far as a process comes that dies before its reload.
    let wish = (name("a.example"), Route::new(&desire("a.example", RouteMode::Deliver, 2)).unwrap());
    let (superseded, to_load) = stage.gateway.0.write(vec![wish]).unwrap();
    assert!(superseded == [None] && to_load);
    let next = open(&stage.folder, "true");
    assert!(next.observe(&name("a.example")).await.is_err());
    next.apply(&desire("a.example", RouteMode::Deliver, 2)).await.unwrap();
    assert_eq!(next.observe(&name("a.example")).await.unwrap(), Some(RouteMode::Deliver));
    assert_eq!(stage.file("loaded"), stage.file("transport"));
}

#[tokio::test]
async fn a_map_changed_by_other_hands_is_noticed_and_mended() {
    let stage = Stage::new();
    stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 1)).await.unwrap();
    stage.set("transport", "a.example smtp:[elsewhere.example]\n");
    assert!(stage.gateway.observe(&name("a.example")).await.is_err());
    stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 1)).await.unwrap();
    assert!(stage.file("loaded").contains("a.example relay:[192.0.2.7]:25"));
    assert_eq!(stage.gateway.observe(&name("a.example")).await.unwrap(), Some(RouteMode::Deliver));
}

#[tokio::test]
async fn a_domain_that_leaves_is_refused_for_as_long_as_it_is_listed() {
    // The first map to be written fails the second time: what stands then must be safe.
    let stage = Stage::new();
    stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 1)).await.unwrap();
    let blocker = stage.folder.path().join("relay_domains.new");
    fs::create_dir(&blocker).unwrap();
    let error = stage.gateway.apply(&desire("a.example", RouteMode::Absent, 2)).await.unwrap_err();
    assert!(error.to_string().contains("relay_domains.new"), "{error}");
    assert!(stage.file("relay_domains").contains("a.example"));
    assert!(stage.file("transport").contains("\na.example error:"), "{}", stage.file("transport"));
    fs::remove_dir(&blocker).unwrap();
    stage.gateway.apply(&desire("a.example", RouteMode::Absent, 2)).await.unwrap();
    assert!(!stage.file("relay_domains").contains("a.example") && !stage.file("transport").contains("a.example"));

    // And one that comes has its transport first.
    fs::create_dir(&blocker).unwrap();
    assert!(stage.gateway.apply(&desire("b.example", RouteMode::Defer, 1)).await.is_err());
    assert!(stage.file("transport").contains("b.example retry:") && !stage.file("relay_domains").contains("b.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_are_all_carried_out_by_few_reloads_and_two_processes_do_not_mix() {
    let stage = Stage::with("[ ! -e slow ] || sleep 0.2");
    stage.set("slow", "");
    let other = open(&stage.folder, "true");
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40 {
        let gateway = if number % 2 == 0 { stage.gateway.clone() } else { other.clone() };
        tasks.spawn(async move {
            let domain = format!("d{}.example", number / 2);
            // Two processes wish for the same domain: the higher generation stands, whoever comes first.
            let mode = if number % 2 == 0 { RouteMode::Defer } else { RouteMode::Deliver };
            let applied = gateway.apply(&desire(&domain, mode, 1 + number % 2)).await;
            assert!(matches!(applied, Ok(()) | Err(GatewayError::Stale { ours: 1, seen: 2, .. })), "{applied:?}");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for number in 0..20 {
        let domain = name(&format!("d{number}.example"));
        assert_eq!(stage.gateway.observe(&domain).await.unwrap(), Some(RouteMode::Deliver), "{domain}");
    }
    assert!(stage.reloads() < 40, "{} reloads for 40 desires", stage.reloads());
    assert_eq!(stage.file("loaded"), stage.file("transport"));
}

#[tokio::test]
async fn whoever_gives_up_takes_no_others_along() {
    let stage = Stage::with("[ -e go ] || { while [ ! -e go ]; do sleep 0.01; done; }");
    let (gateway, wish) = (stage.gateway.clone(), desire("a.example", RouteMode::Defer, 1));
    let impatient = tokio::spawn(async move { gateway.apply(&wish).await });
    while stage.reloads() == 0 {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    let (gateway, wish) = (stage.gateway.clone(), desire("b.example", RouteMode::Defer, 1));
    let patient = tokio::spawn(async move { gateway.apply(&wish).await });
    stage.set("go", "");
    patient.await.unwrap().unwrap();
    for domain in ["a.example", "b.example"] {
        assert_eq!(stage.gateway.observe(&name(domain)).await.unwrap(), Some(RouteMode::Defer));
    }
}

#[tokio::test]
async fn nothing_but_names_and_ports_gets_into_a_map() {
    let stage = Stage::new();
    for (host, port) in [
        ("a.example\nevil.example relay", 25),
        ("a.example], [evil.example", 25),
        ("a.example]:26, [evil", 25),
        ("a.example evil.example", 25),
        ("a.example,evil.example", 25),
        ("[192.0.2.1]", 25),
        ("a.example#", 25),
        ("", 25),
        ("a.example", 0),
    ] {
        let mut desire = desire("a.example", RouteMode::Deliver, 1);
        desire.servers = vec![MailServer { host: host.to_owned(), port, standby: false }];
        let error = stage.gateway.apply(&desire).await.unwrap_err();
        assert!(matches!(error, GatewayError::Failed(_)), "{host:?}: {error}");
        assert!(!error.to_string().contains('\n'), "{error:?}");
    }
    let mut nowhere = desire("a.example", RouteMode::Deliver, 1);
    nowhere.servers.clear();
    assert!(stage.gateway.apply(&nowhere).await.unwrap_err().to_string().contains("loop"));
    assert_eq!(stage.reloads(), 0);
    assert_eq!(stage.file("transport"), "");
    // Nor through the file of routes.
    let route = r#"{"mode":"deliver","generation":1,"next_hops":["[a.example]:25\nevil.example x"]}"#;
    stage.set(
        "relay_domains.state",
        &format!(r#"{{"format":1,"reload_pending":false,"routes":{{"a.example":{route}}}}}"#),
    );
    let error = stage.gateway.apply(&desire("b.example", RouteMode::Defer, 1)).await.unwrap_err();
    assert!(error.to_string().contains("relay_domains.state"), "{error}");
}

#[tokio::test]
async fn routes_that_cannot_be_read_are_never_taken_for_none() {
    let stage = Stage::new();
    stage.gateway.apply(&desire("a.example", RouteMode::Deliver, 7)).await.unwrap();
    let before = stage.file("transport");
    for broken in ["", "{", r#"{"format":2,"reload_pending":false,"routes":{}}"#] {
        stage.set("relay_domains.state", broken);
        let error = stage.gateway.apply(&desire("b.example", RouteMode::Defer, 1)).await.unwrap_err();
        assert!(error.to_string().contains("restore it from a backup"), "{error}");
        assert!(stage.gateway.observe(&name("a.example")).await.is_err());
        assert_eq!(stage.file("transport"), before);
    }
}

#[test]
fn what_cannot_work_is_told_at_the_start() {
    let folder = TempDir::new().unwrap();
    let (here, nowhere) = (folder.path().join("map"), folder.path().join("missing/map"));
    let reload = ["true".to_owned()];
    let error = PostfixGateway::new(&nowhere, &here, &reload).unwrap_err().to_string();
    assert!(error.starts_with("gateway.adapter.relay_domains:") && error.contains("missing/map"), "{error}");
    let error = PostfixGateway::new(&here, &folder.path().join("other"), &[]).unwrap_err().to_string();
    assert!(error.contains("gateway.adapter.reload"), "{error}");
}

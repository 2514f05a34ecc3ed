//! An HTTP listener with limits on the number of connections and on the time to send a request's head.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};
use tower::ServiceExt as _;

use super::clock::pause;

/// How long a connection to the server may take to send the head of a request, the first or the next; hyper's
/// own default.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Most connections to the server. As many file descriptors again are left for its own files.
const MOST_CONNECTIONS: u64 = 1024;
/// Pause after a connection could not be accepted for lack of files or memory.
const RECOVERY: Duration = Duration::from_millis(50);

/// Decides whether to accept a peer. May block.
pub(super) type Admission = Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>;

/// The limits of a listener.
#[derive(Clone)]
pub(super) struct Bounds {
    pub(super) connections: usize,
    /// How long a connection may be idle, or take to send the head of a request; `None` for no limit.
    pub(super) head: Option<Duration>,
    pub(super) admission: Option<Admission>,
}

impl Bounds {
    /// The limits of the server, whose clients are not trusted.
    pub(super) fn of_server() -> Self {
        Self { connections: connections(), head: Some(HEAD_TIMEOUT), admission: None }
    }
}

/// Serves until `shutdown` completes and the requests in progress are answered. When the limit of connections
/// is reached, a new one replaces the one that has been idle longest.
pub(super) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, shutdown: impl Future<Output = ()>) {
    let most = bounds.connections;
    let (ends, ending) = watch::channel(());
    let open = Arc::<Mutex<Vec<Arc<Connection>>>>::default();
    let mut tasks = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The client may have disconnected; or there are no more file descriptors, and some must be closed first.
            Err(error) => {
                tracing::warn!("a connection cannot be accepted: {error}");
                close_longest_idle(&open);
                pause(RECOVERY).await;
                continue;
            }
        };
        if tasks.len() >= most && !close_longest_idle(&open) {
            tracing::warn!("a connection is refused: there are {most}, and none is idle");
            continue;
        }
        let connection = Arc::new(Connection::default());
        lock(&open).push(connection.clone());
        let (open, router, bounds, ending) = (open.clone(), router.clone(), bounds.clone(), ending.clone());
        tasks.spawn(async move {
            if admits(bounds.admission, peer).await {
                connection.serve(stream, router, bounds.head, ending).await;
            }
            lock(&open).retain(|other| !Arc::ptr_eq(other, &connection));
        });
    }
    drop(listener);
    drop(ends);
    while tasks.join_next().await.is_some() {}
}

async fn admits(admission: Option<Admission>, peer: SocketAddr) -> bool {
    let Some(admission) = admission else { return true };
    let admitted = tokio::task::spawn_blocking(move || admission(peer)).await.unwrap_or(false);
    if !admitted {
        tracing::warn!("{peer} is no process of the environment that it connects to");
    }
    admitted
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes the connection that has been idle longest. Returns false if none is idle.
fn close_longest_idle(open: &Mutex<Vec<Arc<Connection>>>) -> bool {
    let mut open = lock(open);
    let idle = open.iter().enumerate().filter_map(|(index, connection)| Some((connection.idle_since()?, index)));
    let Some((_, index)) = idle.min() else { return false };
    open.swap_remove(index).close.notify_one();
    true
}

/// An open connection.
#[derive(Debug)]
struct Connection {
    /// The number of requests in progress.
    requests: AtomicUsize,
    since: Mutex<Instant>,
    close: Notify,
}

impl Default for Connection {
    fn default() -> Self {
        Self { requests: AtomicUsize::new(0), since: Mutex::new(Instant::now()), close: Notify::new() }
    }
}

impl Connection {
    fn idle_since(&self) -> Option<Instant> {
        (self.requests.load(Ordering::Acquire) == 0).then(|| *lock(&self.since))
    }

    async fn serve(
        self: &Arc<Self>,
        stream: TcpStream,
        router: Router,
        head: Option<Duration>,
        mut ending: watch::Receiver<()>,
    ) {
        let service = service_fn(|request: Request<Incoming>| {
            let (router, under_way) = (router.clone(), InProgress::new(self));
            async move {
                let answer = router.oneshot(request.map(Body::new)).await;
                // A streamed response is in progress until its last frame.
                answer.map(|answer| {
                    answer.map(|body| {
                        body.map_frame(move |frame| {
                            let _ = &under_way;
                            frame
                        })
                    })
                })
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(head);
        let mut served = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
        // Ignore connection errors: they concern the client only.
        tokio::select! {
            _ = served.as_mut() => {}
            () = self.close.notified() => {}
            _ = ending.changed() => {
                served.as_mut().graceful_shutdown();
                drop(served.await);
            }
        }
    }
}

/// A request in progress.
struct InProgress(Arc<Connection>);

impl InProgress {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.requests.fetch_add(1, Ordering::AcqRel);
        Self(connection.clone())
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        *lock(&self.0.since) = Instant::now();
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The number of connections that the limit on open files allows.
fn connections() -> usize {
    #[cfg(unix)]
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    #[cfg(not(unix))]
    let files = u64::MAX;
    usize::try_from((files / 2).clamp(1, MOST_CONNECTIONS)).unwrap_or(1)
}

/// Raises the soft limit on open files: the defaults (256 on macOS, 1,024 elsewhere) are low.
pub(super) fn raise_file_limit() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.unwrap_or(u64::MAX).min(4 * MOST_CONNECTIONS);
        if limit.current.is_some_and(|current| current < wanted) {
            setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn server(most: usize) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        let bounds = Bounds { connections: most, ..Bounds::of_server() };
        tokio::spawn(serve(listener, router, bounds, std::future::pending()));
        address
    }

    async fn asks(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1000];
        let read = stream.read(&mut answer).await.unwrap();
        String::from_utf8(answer[..read].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn idle_connections_give_way_and_busy_ones_do_not() {
        let address = server(3).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        assert!(asks(&mut first).await.contains("here"));
        let mut others = Vec::new();
        for _ in 0..20 {
            let mut other = TcpStream::connect(address).await.unwrap();
            other.write_all(b"GET / HT").await.unwrap();
            others.push(other);
        }
        let mut last = TcpStream::connect(address).await.unwrap();
        assert!(asks(&mut last).await.contains("here"), "the last one is served");
        assert_eq!(first.read(&mut [0]).await.unwrap(), 0, "the one that was idle longest is closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed() {
        let address = server(3).await;
        for begin in ["", "GET / HTTP/1.1\r\nhost:"] {
            let begun = Instant::now();
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begin.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            drop(tokio::time::timeout(2 * HEAD_TIMEOUT, stream.read_to_end(&mut said)).await.unwrap());
            assert!(begun.elapsed() >= HEAD_TIMEOUT, "{begin}: {:?}", begun.elapsed());
        }
    }

    #[tokio::test]
    async fn who_is_not_admitted_is_not_served() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        let nobody: Admission = Arc::new(|_| false);
        let bounds = Bounds { admission: Some(nobody), ..Bounds::of_server() };
        tokio::spawn(serve(listener, router, bounds, std::future::pending()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        drop(stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await);
        let mut said = Vec::new();
        drop(stream.read_to_end(&mut said).await);
        assert!(said.is_empty());
    }
}

//! A TCP load balancer: it accepts connections, and forwards each to an instance that is there.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// How many connections are forwarded at the same time. More wait in the kernel's queue, as with
/// any proxy.
const CAPACITY: usize = 2000;

pub struct Balancer {
    pub address: SocketAddr,
}

impl Balancer {
    /// Starts a balancer on a free address.
    pub async fn start(instances: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (instances, next): (Arc<[SocketAddr]>, _) = (instances.into(), AtomicUsize::new(0));
        let capacity = Arc::new(Semaphore::new(CAPACITY));
        tokio::spawn(async move {
            while let Ok(permit) = capacity.clone().acquire_owned().await {
                // A client that went away again is an error here, and no reason to stop.
                let Ok((client, _)) = listener.accept().await else { continue };
                let (instances, first) = (instances.clone(), next.fetch_add(1, Ordering::Relaxed));
                tokio::spawn(async move {
                    forward(client, &instances, first).await;
                    drop(permit);
                });
            }
        });
        Ok(Self { address })
    }
}

/// Forwards to the first instance that accepts, beginning with the one at `first`. Closes the
/// connection if none does.
async fn forward(mut client: TcpStream, instances: &[SocketAddr], first: usize) {
    for turn in 0..instances.len() {
        if let Ok(mut server) = TcpStream::connect(instances[(first + turn) % instances.len()]).await
            // Where nothing listens, the kernel may give a connection the very port that it
            // connects to, so that it reaches itself.
            && server.local_addr().ok() != server.peer_addr().ok()
        {
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}

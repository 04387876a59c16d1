//! What stands before several instances: takes connections, and hands each to one that is there.

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

/// How many connections are handed over at a time; more wait in the kernel's queue, as before any proxy.
const PLACES: usize = 2000;

pub struct Balancer {
    pub address: SocketAddr,
}

impl Balancer {
    pub async fn start(instances: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (instances, next): (Arc<[SocketAddr]>, _) = (instances.into(), AtomicUsize::new(0));
        let places = Arc::new(Semaphore::new(PLACES));
        tokio::spawn(async move {
            while let Ok(place) = places.clone().acquire_owned().await {
                // A client that went away again is an error here, and no reason to stop.
                let Ok((client, _)) = listener.accept().await else { continue };
                let (instances, first) = (instances.clone(), next.fetch_add(1, Ordering::Relaxed));
                tokio::spawn(async move {
                    hand_over(client, &instances, first).await;
                    drop(place);
                });
            }
        });
        Ok(Self { address })
    }
}

/// To the first that takes it, in turn; where none does, the client is hung up on.
async fn hand_over(mut client: TcpStream, instances: &[SocketAddr], first: usize) {
    for turn in 0..instances.len() {
        if let Ok(mut server) = TcpStream::connect(instances[(first + turn) % instances.len()]).await
            // Where nobody listens, a connection may be given the very port that it looks for, and reach itself.
            && server.local_addr().ok() != server.peer_addr().ok()
        {
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}

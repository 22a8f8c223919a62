//! The keys of a server that starts.

use std::sync::Arc;

use super::{Doorkeeper, MasterKey, MasterKeySource};
use crate::config::Key;
use crate::server::StartError;
use crate::store::{self, DatabaseLocation, Store};
use crate::switchboard::Switchboard;

/// The keys of a running server, and where they come from.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) doorkeeper: Arc<Doorkeeper>,
    pub(crate) master_key: MasterKey,
    /// The database with the revision of its keys that the doorkeeper knows.
    pub(crate) store: Option<(Store, i64)>,
}

impl Keys {
    /// Opens the database, if there is one, and takes its keys and the configuration's in.
    ///
    /// Without a database and without a master key, one is drawn that ends with the process.
    ///
    /// # Errors
    /// When the database or the master key cannot be used, or two keys have one id.
    pub(crate) async fn open(
        configured: &[Key],
        database: Option<&DatabaseLocation>,
        master_key: &MasterKeySource,
    ) -> Result<Self, StartError> {
        let Some(location) = database else {
            let master_key = master_key.find_or_make()?.unwrap_or_else(MasterKey::random);
            let doorkeeper = Arc::new(Doorkeeper::new(configured, master_key.clone())?);
            return Ok(Self { doorkeeper, master_key, store: None });
        };
        let (store, master_key) = store::open(location, master_key).await?;
        let doorkeeper = Arc::new(Doorkeeper::new(configured, master_key.clone())?);
        let revision = store.key_revision().await?;
        doorkeeper.replace(&store.keys().await?).map_err(store::StoreError)?;
        Ok(Self { doorkeeper, master_key, store: Some((store, revision)) })
    }

    /// Follows the changes of the database's keys, for ever.
    pub(crate) fn follow(&self, switchboard: &Arc<Switchboard>) -> Option<impl Future<Output = ()> + use<>> {
        let (store, revision) = self.store.clone()?;
        Some(store::follow(store, Arc::clone(&self.doorkeeper), Arc::clone(switchboard), revision))
    }
}

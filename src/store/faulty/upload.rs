//! An object in parts, each of which may fail.

use async_trait::async_trait;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::plan::Operation;
use super::{FaultyStore, SharedPlan};

pub(super) struct FaultyUpload {
    pub(super) inner: Box<dyn MultipartUpload>,
    pub(super) location: Path,
    pub(super) plan: SharedPlan,
}

impl std::fmt::Debug for FaultyUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FaultyUpload({:?})", self.inner)
    }
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let part = self.inner.put_part(data);
        let (plan, location) = (self.plan.clone(), self.location.clone());
        Box::pin(async move { plan.change(Operation::PutPart, &location, part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let complete = self.inner.complete();
        let (plan, operation) = (&self.plan, Operation::Complete);
        plan.change(operation, &self.location, complete).await
    }

    async fn abort(&mut self) -> Result<()> {
        let abort = self.inner.abort();
        let (plan, operation) = (&self.plan, Operation::Abort);
        plan.change(operation, &self.location, abort).await
    }
}

#[async_trait]
impl MultipartStore for FaultyStore {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        let begun = self.inner.create_multipart(path);
        self.plan.change(Operation::BeginParts, path, begun).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        let part = self.inner.put_part(path, id, part_idx, data);
        self.plan.change(Operation::PutPart, path, part).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        let complete = self.inner.complete_multipart(path, id, parts);
        self.plan.change(Operation::Complete, path, complete).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        let abort = self.inner.abort_multipart(path, id);
        self.plan.change(Operation::Abort, path, abort).await
    }
}

#pragma once
/// Where this server's blobs are, by its options: the object store is opened and tried before
/// anything is kept in it.

#include "server/blobs/s3.hpp"
#include "server/options.hpp"
#include "server/store/writer.hpp"

#include <memory>

namespace sluice::server {

/// Nothing without --blobs. Reads credentials and takes them out of the environment: before there
/// are threads. The error says what to do.
Result<std::unique_ptr<blobs::S3>> open_object_store(const Options& options);

/// Notes the place in the database. Refused when blobs are known that are in another one; those
/// that are files in --data are still found after a change to an object store. Blocking.
Result<> remember_blob_place(store::Writer& writer, const Options& options);

}  // namespace sluice::server

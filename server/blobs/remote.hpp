#pragma once
/// Where blobs are kept when it isn't the server's own folder. Calls block, also for minutes: on a
/// pool of their own. Any thread. Two calls that change one digest don't run at once: the caller
/// holds it (BlobStore::hold).

#include "platform/files.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::blobs {

class Remote {
public:
    virtual ~Remote() = default;

    /// Brings the first `size` bytes of `fd` there; they are those of the digest. What was done is
    /// written to the file `notes`, from which a later call goes on, after a restart too; it is
    /// gone when all is there. Refused with code unavailable when it may be tried again.
    virtual Result<> put(std::string_view digest, int fd, std::int64_t size,
                         const files::Path& notes) = 0;
    /// Exactly that many bytes. not_found with id `blob_missing` when it has no such blob.
    virtual Result<std::string> get(std::string_view digest, std::int64_t offset,
                                    std::int64_t size) = 0;
    /// With what put() has begun; fine when there is nothing.
    virtual Result<> remove(std::string_view digest, const files::Path& notes) = 0;
    /// Ends what waits or runs, and refuses all that comes. For the end of the program.
    virtual void stop() = 0;
};

}  // namespace sluice::blobs

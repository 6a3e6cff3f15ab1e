#pragma once
/// SHA-256 of bytes that come in pieces; crypto::sha256 is for those at hand. One thread per
/// object.

#include "pipelines/base/result.hpp"
#include "platform/files.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace sluice::crypto {

class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(std::string_view bytes);
    /// Lower-case hex; the object is used up.
    std::string finish_hex();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Feeds the first `size` bytes of the file to `digest`; refused when it has fewer. Blocking.
Result<> digest_file(int fd, std::int64_t size, Sha256& digest);

}  // namespace sluice::crypto

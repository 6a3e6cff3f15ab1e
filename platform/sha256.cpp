#include "platform/sha256.hpp"

#include "pipelines/base/text.hpp"

#include <openssl/evp.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

namespace sluice::crypto {

struct Sha256::Impl {
    // OpenSSL's, not libsodium's: it uses the processor's instructions for it.
    EVP_MD_CTX* context = ::EVP_MD_CTX_new();
    ~Impl() { ::EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
    if (impl_->context == nullptr ||
        ::EVP_DigestInit_ex(impl_->context, ::EVP_sha256(), nullptr) != 1)
        throw std::bad_alloc();
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
    ::EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size());
}

std::string Sha256::finish_hex() {
    std::array<unsigned char, 32> out{};
    unsigned int size = 0;
    ::EVP_DigestFinal_ex(impl_->context, out.data(), &size);
    return text::to_hex(out);
}

Result<> digest_file(int fd, std::int64_t size, Sha256& digest) {
    std::string buffer(256 << 10, '\0');
    for (std::int64_t at = 0; at < size;) {
        const auto want =
            std::min<std::int64_t>(size - at, static_cast<std::int64_t>(buffer.size()));
        const ssize_t n = ::pread(fd, buffer.data(), static_cast<std::size_t>(want), at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return files::errno_error(errno, "read");
        if (n == 0) return error(Code::io, "io", "the file is shorter than expected");
        digest.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(n)));
        at += n;
    }
    return {};
}

}  // namespace sluice::crypto

#include "pipelines/plan/hash.hpp"

#include "pipelines/base/text.hpp"

#include <sodium/crypto_hash_sha256.h>

#include <array>

namespace sluice::plan {

std::string digest256(std::string_view text) {
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size());
    return text::to_hex(digest);
}

std::string hash_job(const model::JobSpec& spec) {
    return digest256(json::serialize(model::to_json(spec)));
}

}  // namespace sluice::plan

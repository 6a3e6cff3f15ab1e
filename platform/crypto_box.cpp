#include "platform/crypto_box.hpp"

#include <sodium.h>

#include <algorithm>

namespace sluice::crypto {

namespace {

const unsigned char* data(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* data(std::string& bytes) {
    return reinterpret_cast<unsigned char*>(bytes.data());
}

constexpr std::size_t k_nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t k_tag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(SecretKey::k_size == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(SecretKey::k_size == crypto_box_SECRETKEYBYTES);

Error cannot_open() {
    return error(Code::unauthorized, "cannot_open",
                 "cannot be opened: another key, another place, or changed bytes");
}

}  // namespace

SecretKey SecretKey::random() {
    SecretKey key;
    ::randombytes_buf(key.bytes_.data(), key.bytes_.size());
    return key;
}

Result<SecretKey> SecretKey::from_bytes(std::string_view bytes) {
    if (bytes.size() != k_size)
        return error(Code::invalid, "bad_key",
                     "a key has 32 bytes, this one has " + std::to_string(bytes.size()));
    SecretKey key;
    std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
    return key;
}

SecretKey::~SecretKey() {
    ::sodium_memzero(bytes_.data(), bytes_.size());
}

std::string seal(const SecretKey& key, std::string_view plain, std::string_view context) {
    std::string out(k_nonce + plain.size() + k_tag, '\0');
    ::randombytes_buf(out.data(), k_nonce);
    unsigned long long size = 0;
    ::crypto_aead_xchacha20poly1305_ietf_encrypt(data(out) + k_nonce, &size, data(plain),
                                                 plain.size(), data(context), context.size(),
                                                 nullptr, data(out), data(key.bytes()));
    return out;
}

Result<std::string> open(const SecretKey& key, std::string_view sealed, std::string_view context) {
    if (sealed.size() < k_nonce + k_tag) return cannot_open();
    std::string out(sealed.size() - k_nonce - k_tag, '\0');
    unsigned long long size = 0;
    if (::crypto_aead_xchacha20poly1305_ietf_decrypt(
            data(out), &size, nullptr, data(sealed) + k_nonce, sealed.size() - k_nonce,
            data(context), context.size(), data(sealed), data(key.bytes())) != 0)
        return cannot_open();
    return out;
}

SealedBox::SealedBox() : secret_(SecretKey::random()) {
    ::crypto_scalarmult_base(public_.data(), data(secret_.bytes()));
}

std::string SealedBox::public_key() const {
    return {reinterpret_cast<const char*>(public_.data()), public_.size()};
}

Result<std::string> SealedBox::open(std::string_view sealed) const {
    if (sealed.size() < crypto_box_SEALBYTES) return cannot_open();
    std::string out(sealed.size() - crypto_box_SEALBYTES, '\0');
    if (::crypto_box_seal_open(data(out), data(sealed), sealed.size(), public_.data(),
                               data(secret_.bytes())) != 0)
        return cannot_open();
    return out;
}

Result<std::string> seal_to(std::string_view public_key, std::string_view plain) {
    std::string out(crypto_box_SEALBYTES + plain.size(), '\0');
    if (public_key.size() != crypto_box_PUBLICKEYBYTES ||
        ::crypto_box_seal(data(out), data(plain), plain.size(), data(public_key)) != 0)
        return error(Code::invalid, "bad_public_key", "no public key of 32 bytes");
    return out;
}

void wipe(std::string& secret) {
    if (!secret.empty()) ::sodium_memzero(secret.data(), secret.size());
    secret.clear();
}

}  // namespace sluice::crypto

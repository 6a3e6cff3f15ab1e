#include "server/identity/signing_key.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdexcept>

namespace sluice::identity {

namespace {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

constexpr unsigned k_bits = 2048;

[[noreturn]] void broken(const char* what) {
    throw std::runtime_error(std::string("OpenSSL cannot ") + what);
}

std::string number(const EVP_PKEY* key, const char* name) {
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) broken("read a key");
    const Number value(raw);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(value.get())), '\0');
    BN_bn2bin(value.get(), reinterpret_cast<unsigned char*>(bytes.data()));
    return text::to_base64url(bytes);
}

}  // namespace

struct SigningKey::Impl {
    Key key;
    std::string n, e;
};

SigningKey::SigningKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {
    // Exactly these members in this order, without blanks: RFC 7638.
    id_ = text::to_base64url(
        crypto::sha256(R"({"e":")" + impl_->e + R"(","kty":"RSA","n":")" + impl_->n + R"("})"));
}

SigningKey SigningKey::make() {
    Key key(EVP_RSA_gen(k_bits));
    if (!key) broken("make a key");
    std::string n = number(key.get(), OSSL_PKEY_PARAM_RSA_N);
    std::string e = number(key.get(), OSSL_PKEY_PARAM_RSA_E);
    return SigningKey(
        std::make_shared<const Impl>(Impl{std::move(key), std::move(n), std::move(e)}));
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA)
        return error(Code::invalid, "bad_signing_key", "no RSA key in PEM");
    std::string n = number(key.get(), OSSL_PKEY_PARAM_RSA_N);
    std::string e = number(key.get(), OSSL_PKEY_PARAM_RSA_E);
    return SigningKey(
        std::make_shared<const Impl>(Impl{std::move(key), std::move(n), std::move(e)}));
}

std::string SigningKey::pem() const {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr,
                                         nullptr) != 1)
        broken("write a key");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

json::Object SigningKey::jwk() const {
    return {{"kty", "RSA"}, {"use", "sig"},  {"alg", "RS256"},
            {"kid", id_},   {"n", impl_->n}, {"e", impl_->e}};
}

std::string SigningKey::sign(const json::Object& claims) const {
    const json::Object header{{"alg", "RS256"}, {"kid", id_}, {"typ", "JWT"}};
    std::string text = text::to_base64url(json::serialize(header)) + "." +
                       text::to_base64url(json::serialize(claims));
    const Digest digest(EVP_MD_CTX_new());
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    if (!digest ||
        EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, impl_->key.get()) != 1 ||
        EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) != 1)
        broken("sign");
    std::string signature(size, '\0');
    if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       bytes, text.size()) != 1)
        broken("sign");
    signature.resize(size);
    return text + "." + text::to_base64url(signature);
}

}  // namespace sluice::identity

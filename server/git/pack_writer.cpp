#include "server/git/pack_writer.hpp"

#include <openssl/evp.h>
#include <zlib.h>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>

namespace sluice::git {
namespace {

constexpr int k_fast = 1;
constexpr std::size_t k_piece = 64 << 10;

using Digest = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using OdbObject = Owned<git_odb_object, git_odb_object_free>;

/// One z_stream for all objects: its tables are a quarter of a megabyte.
class Deflater {
public:
    Deflater() {
        if (::deflateInit(&stream_, k_fast) != Z_OK) throw std::runtime_error("zlib cannot start");
    }
    ~Deflater() { ::deflateEnd(&stream_); }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;

    bool deflate(const void* data, std::size_t size, const PackSink& sink) {
        ::deflateReset(&stream_);
        stream_.next_in = static_cast<Bytef*>(const_cast<void*>(data));
        for (int state = Z_OK; state != Z_STREAM_END;) {
            // The counters of zlib have 32 bits.
            const std::size_t now = std::min<std::size_t>(size, 1u << 30);
            if (stream_.avail_in == 0) {
                stream_.avail_in = static_cast<uInt>(now);
                size -= now;
            }
            stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
            stream_.avail_out = static_cast<uInt>(out_.size());
            state = ::deflate(&stream_, size == 0 ? Z_FINISH : Z_NO_FLUSH);
            if (!sink({out_.data(), out_.size() - stream_.avail_out})) return false;
        }
        return true;
    }

private:
    z_stream stream_{};
    std::array<char, k_piece> out_{};
};

/// Type and size as the format has them: four bits of the size, then seven at a time.
std::string entry_header(git_object_t type, std::size_t size) {
    std::string out;
    unsigned byte = (static_cast<unsigned>(type) << 4) | (size & 15);
    for (size >>= 4; size != 0; size >>= 7) {
        out += static_cast<char>(byte | 0x80);
        byte = size & 0x7f;
    }
    out += static_cast<char>(byte);
    return out;
}

std::string pack_header(std::size_t count) {
    std::string out("PACK\0\0\0\2", 8);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((count >> shift) & 0xff);
    return out;
}

}  // namespace

Result<> write_objects(git_repository* repository, const std::vector<git_oid>& objects,
                       const PackSink& sink) {
    git_odb* found = nullptr;
    if (git_repository_odb(&found, repository) != 0)
        return git_error(Code::internal, "io", "cannot read the repository");
    Odb odb(found);
    Digest digest(EVP_MD_CTX_new());
    if (EVP_DigestInit_ex(digest.get(), EVP_sha1(), nullptr) != 1)
        return error(Code::internal, "io", "SHA-1 is not available");
    const PackSink hashed = [&](std::string_view bytes) {
        EVP_DigestUpdate(digest.get(), bytes.data(), bytes.size());
        return sink(bytes);
    };
    const Error refused = error(Code::io, "io", "cannot write the pack of a commit");
    Deflater deflater;
    if (!hashed(pack_header(objects.size()))) return refused;
    for (const git_oid& id : objects) {
        git_odb_object* read = nullptr;
        if (git_odb_read(&read, odb.get(), &id) != 0)
            return git_error(Code::gone, "commit_gone",
                             "an object of the commit is missing or damaged");
        OdbObject object(read);
        const std::size_t size = git_odb_object_size(read);
        if (!hashed(entry_header(git_odb_object_type(read), size)) ||
            !deflater.deflate(git_odb_object_data(read), size, hashed))
            return refused;
    }
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_DigestFinal_ex(digest.get(), sum, &length);
    if (!sink({reinterpret_cast<const char*>(sum), length})) return refused;
    return {};
}

}  // namespace sluice::git

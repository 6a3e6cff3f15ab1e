/// Calls of an attempt that deal in packs (pipelines/protocol/packs.hpp).
#include "agent/server_api.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace sluice::agent {

namespace {

constexpr Duration k_call_timeout{30'000};

/// However slow the way is: 64 KiB/s are waited for.
Duration timeout_of(std::int64_t bytes) {
    return k_call_timeout + Duration{bytes / 64};
}

std::int64_t offset_in(const http_client::Response& response) {
    std::int64_t value = 0;
    const auto found = response.headers.find("upload-offset");
    if (found == response.headers.end()) return 0;
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::int64_t size_of(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 ? status.st_size : 0;
}

}  // namespace

Result<BlobState> AttemptApi::blob_state(const protocol::Blob& blob) {
    http_client::Request head = request("HEAD", "blobs/" + blob.sha256, k_call_timeout);
    SLUICE_TRY(const http_client::Response response, client_.send(head));
    if (response.ok()) return BlobState{true, 0};
    if (response.status == 404) return BlobState{false, offset_in(response)};
    return refusal_of(response);
}

Result<> AttemptApi::put_blob(const protocol::Blob& blob, std::int64_t offset,
                              const files::Path& file) {
    SLUICE_TRY(const files::Fd fd, files::open(file, O_RDONLY));
    http_client::Request put =
        request("PUT", "blobs/" + blob.sha256, timeout_of(blob.stored - offset));
    put.headers.push_back(std::string(protocol::k_upload_offset) + ": " + std::to_string(offset));
    put.headers.push_back(std::string(protocol::k_upload_length) + ": " +
                          std::to_string(blob.stored));
    put.headers.push_back("Content-Type: application/octet-stream");
    put.body_size = blob.stored - offset;
    put.body_reader = [&fd, at = offset](char* buffer, std::size_t size) mutable -> std::size_t {
        const ssize_t n = ::pread(fd.get(), buffer, size, at);
        if (n <= 0) return 0;
        at += n;
        return static_cast<std::size_t>(n);
    };
    SLUICE_TRY(const http_client::Response response, client_.send(put));
    if (!response.ok()) return refusal_of(response);
    return {};
}

Result<> AttemptApi::get_blob(const std::string& call, const protocol::Blob& blob,
                              const files::Path& to) {
    SLUICE_TRY(const files::Fd fd, files::open(to, O_RDWR | O_CREAT, 0600));
    std::int64_t at = size_of(fd.get());
    if (at == blob.stored) return {};
    if (at > blob.stored) {
        ::ftruncate(fd.get(), 0);
        at = 0;
    }
    http_client::Request get = request("GET", call, timeout_of(blob.stored - at));
    get.headers.push_back("Range: bytes=" + std::to_string(at) + "-");
    Result<> written;
    get.sink = [&](std::string_view piece) {
        if (at + static_cast<std::int64_t>(piece.size()) > blob.stored) {
            written = error(Code::conflict, "digest_mismatch", "a blob is longer than announced");
            return false;
        }
        written = files::write_at(fd.get(), piece, at);
        at += static_cast<std::int64_t>(piece.size());
        return written.has_value();
    };
    auto response = client_.send(get);
    if (!written) return written;
    if (!response) return response.error();
    if (response->status != 206) return refusal_of(*response);
    if (at != blob.stored)
        return error(Code::unavailable, "cut_off", "the connection ended in a blob");
    return {};
}

Result<protocol::InputReply> AttemptApi::input(const std::string& name) {
    SLUICE_TRY(const http_client::Response response,
               client_.send(
                   request("GET", "inputs/" + http_client::percent_encode(name), k_call_timeout)));
    if (!response.ok()) return refusal_of(response);
    SLUICE_TRY(const json::Value value, json::parse(response.body, {.bytes = 16u << 20}));
    return protocol::parse_input(value);
}

Result<protocol::CacheReply> AttemptApi::cache(const protocol::CacheRequest& wanted) {
    SLUICE_TRY(const http_client::Response response,
               post("cache", protocol::to_json(wanted), k_call_timeout));
    if (!response.ok()) return refusal_of(response);
    SLUICE_TRY(const json::Value value, json::parse(response.body, {.bytes = 16u << 20}));
    return protocol::parse_cache_reply(value);
}

Result<protocol::MemoReply> AttemptApi::memo(const protocol::MemoRequest& wanted) {
    SLUICE_TRY(const http_client::Response response,
               post("memo", protocol::to_json(wanted), k_call_timeout));
    if (!response.ok()) return refusal_of(response);
    SLUICE_TRY(const json::Value value, json::parse(response.body, {.bytes = 16u << 20}));
    return protocol::parse_memo_reply(value);
}

}  // namespace sluice::agent

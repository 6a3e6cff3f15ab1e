#include "server/blobs/s3.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"
#include "platform/failpoint.hpp"
#include "platform/sha256.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice::blobs {

namespace {

constexpr std::int64_t k_parts_max = 10'000;  // S3's own limit
constexpr std::int64_t k_mib = 1 << 20;
constexpr std::string_view k_probe = "sluice-probe";

std::string sha256_of(std::string_view bytes) {
    crypto::Sha256 digest;
    digest.update(bytes);
    return digest.finish_hex();
}

Result<std::string> sha256_of(int fd, std::int64_t offset, std::int64_t size) {
    crypto::Sha256 digest;
    std::vector<char> buffer(256 * 1024);
    while (size > 0) {
        const auto want = std::min<std::int64_t>(size, static_cast<std::int64_t>(buffer.size()));
        const ssize_t n = ::pread(fd, buffer.data(), static_cast<std::size_t>(want), offset);
        if (n <= 0) return error(Code::io, "io", "an upload is shorter than it was", "pread");
        digest.update({buffer.data(), static_cast<std::size_t>(n)});
        offset += n;
        size -= n;
    }
    return digest.finish_hex();
}

/// The text of the first such element; replies have it once. "" = none.
std::string element(std::string_view xml, std::string_view name) {
    const std::string open = fmt::format("<{}>", name), close = fmt::format("</{}>", name);
    const auto begin = xml.find(open);
    if (begin == std::string_view::npos) return "";
    const auto end = xml.find(close, begin);
    if (end == std::string_view::npos) return "";
    std::string out(xml.substr(begin + open.size(), end - begin - open.size()));
    constexpr std::array<std::pair<std::string_view, char>, 5> k_entities{
        {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}}};
    for (const auto& [entity, character] : k_entities)
        for (std::size_t at = 0; (at = out.find(entity, at)) != std::string::npos; ++at)
            out.replace(at, entity.size(), 1, character);
    return out;
}

bool is_passing(int status) {
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

Error stopping() {
    return error(Code::unavailable, "stopping", "the server is stopping");
}

}  // namespace

struct S3::Call {
    std::string method;
    std::string key;    ///< "" = the bucket
    std::string query;  ///< as it is signed: names in order, each with `=`
    std::string body;
    int fd = -1;  ///< instead of `body`: `size` bytes of the file from `offset` on
    std::int64_t offset = 0, size = 0;
    std::string sha256{};  ///< of the body; "" = to be computed from `body`
    std::string range{};
    std::size_t response_max = 1 << 20;
};

/// What is noted of an upload in parts.
struct S3::Parts {
    std::string upload;
    std::int64_t part = 0;  ///< bytes of each but the last
    std::vector<std::string> etags;

    std::string to_text() const {
        std::string out = fmt::format("{} {}\n", part, upload);
        for (const std::string& etag : etags) out += etag + "\n";
        return out;
    }
    static std::optional<Parts> parse(std::string_view text) {
        const auto end = text.rfind('\n');
        if (end == std::string_view::npos) return std::nullopt;
        // A line that a crash cut is not there.
        const auto lines = text::split(text.substr(0, end), '\n');
        const auto space = lines[0].find(' ');
        Parts out;
        const char* last = lines[0].data() + std::min(space, lines[0].size());
        if (std::from_chars(lines[0].data(), last, out.part).ptr != last || out.part <= 0 ||
            space == std::string::npos || space + 1 == lines[0].size())
            return std::nullopt;
        out.upload = lines[0].substr(space + 1);
        out.etags.assign(lines.begin() + 1, lines.end());
        return out;
    }
    static std::optional<Parts> load(const files::Path& notes) {
        auto text = files::read_file(notes);
        return text ? parse(*text) : std::nullopt;
    }
};

/// A client of its own for one request.
class S3::Lease {
public:
    explicit Lease(S3& s3) : s3_(s3) {
        std::lock_guard taking(s3_.mutex_);
        if (s3_.idle_.empty()) {
            client_ = std::make_unique<http_client::Client>(
                http_client::ClientOptions{s3_.options_.ca_file, Duration{5'000}, "sluice-server"});
        } else {
            client_ = std::move(s3_.idle_.back());
            s3_.idle_.pop_back();
        }
        s3_.busy_.insert(client_.get());
        if (s3_.stopped_) client_->interrupt();
    }
    ~Lease() {
        std::lock_guard giving(s3_.mutex_);
        s3_.busy_.erase(client_.get());
        s3_.idle_.push_back(std::move(client_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    http_client::Client& operator*() { return *client_; }

private:
    S3& s3_;
    std::unique_ptr<http_client::Client> client_;
};

S3::S3(S3Options options)
    : options_(std::move(options)),
      sign_{options_.region, "s3", options_.credentials.key_id, options_.credentials.secret} {}

S3::~S3() = default;

void S3::stop() {
    std::lock_guard stopping(mutex_);
    stopped_ = true;
    for (http_client::Client* client : busy_) client->interrupt();
    stopping_.notify_all();
}

bool S3::pause(Duration time) {
    std::unique_lock waiting(mutex_);
    return !stopping_.wait_for(waiting, time, [this] { return stopped_; });
}

std::string S3::key(std::string_view digest) const {
    return fmt::format("{}{}/{}", options_.place.prefix, digest.substr(0, 2), digest);
}

Result<http_client::Response> S3::send_once(const Call& call) {
    http_client::Request request;
    request.method = call.method;
    request.url = fmt::format("{}/{}", options_.endpoint, options_.place.bucket);
    if (!call.key.empty()) request.url += "/" + call.key;
    if (!call.query.empty()) request.url += "?" + call.query;
    request.sign = &sign_;
    request.headers.push_back("X-Amz-Content-Sha256: " +
                              (call.sha256.empty() ? sha256_of(call.body) : call.sha256));
    if (!options_.credentials.session.empty())
        request.headers.push_back("X-Amz-Security-Token: " + options_.credentials.session);
    if (!call.range.empty()) request.headers.push_back("Range: " + call.range);
    request.response_max = call.response_max;
    request.body = call.body;
    if (call.fd >= 0) {
        request.body_size = call.size;
        request.body_reader = [fd = call.fd, at = call.offset](char* buffer,
                                                               std::size_t size) mutable {
            const ssize_t n = ::pread(fd, buffer, size, at);
            if (n <= 0) return std::size_t{0};
            at += n;
            return static_cast<std::size_t>(n);
        };
    }
    // However slow the way is: 64 KiB/s are waited for.
    request.timeout =
        Duration{20'000 + (call.size + static_cast<std::int64_t>(call.response_max)) / 64};
    Lease client(*this);
    return (*client).send(request);
}

Result<http_client::Response> S3::send(const Call& call) {
    Duration wait = options_.first_pause;
    for (int tried = 1;; ++tried, wait *= 2) {
        auto response = send_once(call);
        if (response && !is_passing(response->status)) return response;
        const std::string why =
            response ? fmt::format("status {}", response->status) : response.error().message;
        const bool is_wrong =
            !response && (response.error().id == "bad_url" || response.error().id == "too_large");
        if (tried < options_.tries && !is_wrong) {
            if (!pause(wait)) return stopping();
            continue;
        }
        if (response) return response;
        return error(
            Code::unavailable, "object_store_unreachable",
            fmt::format("the object store at {} can't be reached: {}", options_.endpoint, why));
    }
}

Error S3::refusal(const Call& call, const http_client::Response& response) const {
    const std::string code = element(response.body, "Code");
    const std::string said =
        text::sanitize_utf8(code.empty() ? response.body : element(response.body, "Message"), 300);
    const std::string& bucket = options_.place.bucket;
    if (code == "NoSuchBucket")
        return error(Code::unavailable, "bucket_missing",
                     fmt::format("there is no bucket {} at {}: create it, or name another with "
                                 "--blobs",
                                 bucket, options_.endpoint));
    const auto region = response.headers.find("x-amz-bucket-region");
    if (response.status == 301 || response.status == 307 || code == "AuthorizationHeaderMalformed")
        return error(
            Code::unavailable, "wrong_region",
            fmt::format("the bucket {} is not in region {}: name its own with --s3-region{}: {} {}",
                        bucket, options_.region,
                        region == response.headers.end() ? "" : " " + region->second, code, said));
    if (response.status == 401 || response.status == 403)
        return error(
            Code::unavailable, "credentials_refused",
            fmt::format("the object store at {} refuses the credentials for the bucket {}: {} {}: "
                        "they need to put, get and delete objects there",
                        options_.endpoint, bucket, code, said));
    return error(
        Code::unavailable, "object_store_refused",
        fmt::format("the object store at {} answers {} of {} with {} {} {}", options_.endpoint,
                    call.method, call.key, response.status, code, said));
}

Result<http_client::Response> S3::ask(const Call& call) {
    SLUICE_TRY(auto response, send(call));
    if (!response.ok()) return refusal(call, response);
    return response;
}

Result<> S3::check() {
    const std::string key = options_.place.prefix + std::string(k_probe);
    const std::string text = crypto::random_token();
    SLUICE_CHECK(ask({.method = "PUT", .key = key, .query = "", .body = text}));
    SLUICE_TRY(const auto got, ask({.method = "GET", .key = key, .query = "", .body = ""}));
    if (got.body != text)
        return error(Code::unavailable, "object_store_refused",
                     fmt::format("the object store at {} gives other bytes back than it got",
                                 options_.endpoint));
    SLUICE_CHECK(ask({.method = "DELETE", .key = key, .query = "", .body = ""}));
    return {};
}

Result<> S3::put(std::string_view digest, int fd, std::int64_t size, const files::Path& notes) {
    if (size <= options_.part_bytes) return put_whole(digest, fd, size);
    auto done = put_parts(digest, fd, size, notes);
    if (done || done.error().id != "upload_unknown") return done;
    // The store has given up what was begun: anew, once.
    ::unlink(notes.c_str());
    return put_parts(digest, fd, size, notes);
}

Result<> S3::put_whole(std::string_view digest, int fd, std::int64_t size) {
    Call call{.method = "PUT", .key = key(digest), .query = "", .body = ""};
    call.sha256 = std::string(digest);
    if (size > 0) {
        call.fd = fd;
        call.size = size;
    }
    SLUICE_CHECK(ask(call));
    return {};
}

Result<S3::Parts> S3::begin_parts(std::string_view digest, std::int64_t size,
                                  const files::Path& notes) {
    if (auto begun = Parts::load(notes)) {
        // Without a line that a crash cut.
        SLUICE_CHECK(files::write_atomic(notes, begun->to_text(), 0640, false));
        return std::move(*begun);
    }
    Parts parts;
    const std::int64_t least = (size + k_parts_max - 1) / k_parts_max;
    parts.part = std::max(options_.part_bytes, (least + k_mib - 1) / k_mib * k_mib);
    SLUICE_TRY(const auto begun,
               ask({.method = "POST", .key = key(digest), .query = "uploads=", .body = ""}));
    parts.upload = element(begun.body, "UploadId");
    if (parts.upload.empty() || parts.upload.find_first_of(" \n") != std::string::npos)
        return error(Code::unavailable, "object_store_refused",
                     fmt::format("the object store at {} begins an upload without an id",
                                 options_.endpoint));
    SLUICE_CHECK(files::make_dirs(notes.parent_path(), 0750));
    SLUICE_CHECK(files::write_atomic(notes, parts.to_text(), 0640));
    return parts;
}

Result<> S3::put_parts(std::string_view digest, int fd, std::int64_t size,
                       const files::Path& notes) {
    SLUICE_TRY(Parts parts, begin_parts(digest, size, notes));
    SLUICE_TRY(const files::Fd log, files::open(notes, O_WRONLY | O_APPEND));
    const std::string upload = http_client::percent_encode(parts.upload);
    for (std::int64_t at = static_cast<std::int64_t>(parts.etags.size()) * parts.part; at < size;
         at += parts.part) {
        Call call{.method = "PUT", .key = key(digest), .query = "", .body = ""};
        call.query = fmt::format("partNumber={}&uploadId={}", parts.etags.size() + 1, upload);
        call.fd = fd;
        call.offset = at;
        call.size = std::min(parts.part, size - at);
        SLUICE_TRY(call.sha256, sha256_of(fd, call.offset, call.size));
        SLUICE_TRY(const auto response, send(call));
        if (response.status == 404 && element(response.body, "Code") == "NoSuchUpload")
            return error(Code::unavailable, "upload_unknown", "the upload has been given up");
        if (!response.ok()) return refusal(call, response);
        const auto etag = response.headers.find("etag");
        if (etag == response.headers.end()) return refusal(call, response);
        const std::string line = etag->second + "\n";
        if (::write(log.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
            return files::errno_error(errno, "write");
        parts.etags.push_back(etag->second);
        failpoint::hit("blob_part", "in");
    }
    SLUICE_CHECK(complete(digest, size, parts));
    ::unlink(notes.c_str());
    return {};
}

Result<> S3::complete(std::string_view digest, std::int64_t size, const Parts& parts) {
    Call call{.method = "POST", .key = key(digest), .query = "", .body = ""};
    call.query = "uploadId=" + http_client::percent_encode(parts.upload);
    call.body = "<CompleteMultipartUpload>";
    for (std::size_t i = 0; i < parts.etags.size(); ++i)
        call.body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1,
                                 parts.etags[i]);
    call.body += "</CompleteMultipartUpload>";
    SLUICE_TRY(const auto response, send(call));
    const std::string code = element(response.body, "Code");
    // A failure may come under status 200, as the store begins its answer before it knows.
    if (response.ok() && code.empty()) return {};
    if (code != "NoSuchUpload") return refusal(call, response);
    // It is complete already when only the answer was lost.
    SLUICE_TRY(const auto head, send({.method = "HEAD", .key = call.key, .query = "", .body = ""}));
    const auto length = head.headers.find("content-length");
    if (head.ok() && length != head.headers.end() && length->second == std::to_string(size))
        return {};
    return error(Code::unavailable, "upload_unknown", "the upload has been given up");
}

Result<std::string> S3::get(std::string_view digest, std::int64_t offset, std::int64_t size) {
    if (size <= 0) return std::string();
    Call call{.method = "GET", .key = key(digest), .query = "", .body = ""};
    call.range = fmt::format("bytes={}-{}", offset, offset + size - 1);
    call.response_max = static_cast<std::size_t>(std::max<std::int64_t>(size, 64 * 1024));
    SLUICE_TRY(auto response, send(call));
    if (response.status == 404 && element(response.body, "Code") == "NoSuchKey")
        return error(
            Code::not_found, "blob_missing",
            fmt::format("the object store at {} has lost {}", options_.endpoint, call.key));
    if (!response.ok()) return refusal(call, response);
    if (response.status != 206 || static_cast<std::int64_t>(response.body.size()) != size)
        return error(Code::unavailable, "object_store_refused",
                     fmt::format("the object store at {} gives {} of {} bytes of {}",
                                 options_.endpoint, response.body.size(), size, call.key));
    return std::move(response.body);
}

Result<> S3::remove(std::string_view digest, const files::Path& notes) {
    if (const auto begun = Parts::load(notes)) {
        Call call{.method = "DELETE", .key = key(digest), .query = "", .body = ""};
        call.query = "uploadId=" + http_client::percent_encode(begun->upload);
        SLUICE_TRY(const auto response, send(call));
        if (!response.ok() && response.status != 404) return refusal(call, response);
        ::unlink(notes.c_str());
    }
    Call call{.method = "DELETE", .key = key(digest), .query = "", .body = ""};
    SLUICE_TRY(const auto response, send(call));
    const bool is_gone = response.status == 404 && element(response.body, "Code") == "NoSuchKey";
    if (!response.ok() && !is_gone) return refusal(call, response);
    return {};
}

}  // namespace sluice::blobs

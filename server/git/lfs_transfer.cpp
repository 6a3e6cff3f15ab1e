#include "server/git/lfs_transfer.hpp"

#include "pipelines/base/text.hpp"
#include "server/git/url.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace sluice::git {
namespace {

constexpr int k_tries = 3;
constexpr int k_redirects_max = 5;
constexpr std::size_t k_url_max = 16 << 10;
constexpr std::size_t k_header_max = 16 << 10;
constexpr std::size_t k_headers_max = 50;
constexpr std::string_view k_media_type = "application/vnd.git-lfs+json";

Error unreachable(std::string message) {
    return error(Code::unavailable, "lfs_unreachable", std::move(message));
}

Error denied(std::string message) {
    return error(Code::forbidden, "lfs_denied", std::move(message));
}

std::string of(const protocol::LfsPointer& object) {
    return "object " + object.sha256;
}

bool has_control(std::string_view value) {
    return std::any_of(value.begin(), value.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_named(std::string_view header, std::string_view name) {
    return header.size() > name.size() && header[name.size()] == ':' &&
           std::equal(name.begin(), name.end(), header.begin(), [](char a, char b) {
               const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; };
               return low(a) == low(b);
           });
}

/// The scheme, host and port of a URL whose rest may be anything.
Result<Url> origin_of(std::string_view url) {
    const std::size_t authority = url.find("://");
    if (url.size() > k_url_max || authority == std::string_view::npos || has_control(url) ||
        url.find(' ') != std::string_view::npos)
        return denied("the LFS server names an address that is none: " +
                      text::sanitize_utf8(url, 128));
    const std::size_t end = std::min(url.find_first_of("/?#", authority + 3), url.size());
    auto origin = parse_url(std::string(url.substr(0, end)) + "/x");
    if (!origin)
        return denied("the LFS server names " + text::sanitize_utf8(url.substr(0, end), 128) +
                      ": " + origin.error().message);
    if (origin->kind != Url::Kind::http && origin->kind != Url::Kind::https)
        return denied("the LFS server names an address that is not http or https");
    origin->path.clear();
    return origin;
}

/// What a redirect names, against the address that answered so.
std::string redirected(const std::string& from, const std::string& location) {
    if (!location.starts_with('/') || location.starts_with("//")) return location;
    return from.substr(0, std::min(from.find('/', from.find("://") + 3), from.size())) + location;
}

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// What a server says for people.
std::string said(const http_client::Response& response) {
    auto body = json::parse(response.body, {.bytes = 1 << 20, .depth = 16});
    if (!body || !body->is_object()) return "";
    const json::Value* message = body->as_object().if_contains("message");
    if (message == nullptr || !message->is_string()) return "";
    std::string out = ": " + text::sanitize_utf8(message->as_string(), 200);
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
}

Error batch_refusal(const http_client::Response& response, const std::string& endpoint) {
    const std::string at = text::sanitize_utf8(endpoint, 256);
    switch (response.status) {
        case 401:
        case 403:
            return error(
                Code::forbidden, "lfs_forbidden",
                at + " wants credentials, and has got none or refuses them" + said(response));
        case 404:
            return error(Code::not_found, "lfs_missing",
                         at +
                             " answers with status 404: there is no Git LFS, it is hidden from "
                             "whom the server does not know, or none of the objects is there" +
                             said(response));
        case 422:
            return error(Code::conflict, "lfs_mismatch",
                         at + " refuses the sizes or digests of the objects" + said(response));
        default:
            return unreachable(
                fmt::format("{} answers with status {}{}", at, response.status, said(response)));
    }
}

std::string text_in(const json::Object& object, std::string_view key) {
    const json::Value* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::optional<std::int64_t> number_in(const json::Object& object, std::string_view key) {
    const json::Value* value = object.if_contains(key);
    if (value == nullptr || !value->is_int64()) return std::nullopt;
    return value->as_int64();
}

const json::Object* object_in(const json::Object& object, std::string_view key) {
    const json::Value* value = object.if_contains(key);
    return value != nullptr && value->is_object() ? &value->as_object() : nullptr;
}

Error object_refusal(const protocol::LfsPointer& object, const json::Object& refusal) {
    const std::int64_t code = number_in(refusal, "code").value_or(0);
    const std::string why = text::sanitize_utf8(text_in(refusal, "message"), 200);
    if (code == 401 || code == 403)
        return error(Code::forbidden, "lfs_forbidden",
                     fmt::format("the LFS server does not give {} away: {}", of(object), why));
    if (code == 404 || code == 410)
        return error(Code::not_found, "lfs_missing",
                     fmt::format("the LFS server does not have {}: push it with `git lfs push "
                                 "--all`",
                                 of(object)));
    if (code == 422)
        return error(
            Code::conflict, "lfs_mismatch",
            fmt::format("the LFS server refuses the size or digest of {}: {}", of(object), why));
    return unreachable(
        fmt::format("the LFS server has an error of {} for {}: {}", code, of(object), why));
}

/// The headers that a request for the object must carry. Those of the connection are ours.
Result<std::vector<std::string>> headers_in(const json::Object& action) {
    std::vector<std::string> out;
    const json::Object* headers = object_in(action, "header");
    if (headers == nullptr) return out;
    for (const auto& [name, value] : *headers) {
        const bool good = value.is_string() && !name.empty() &&
                          name.find_first_of(": \t") == std::string_view::npos &&
                          !has_control(name) && !has_control(value.as_string()) &&
                          name.size() + value.as_string().size() <= k_header_max &&
                          out.size() < k_headers_max;
        if (!good) return denied("the LFS server names a header that can't be sent");
        std::string line = std::string(name) + ": " + std::string(value.as_string());
        bool own = false;
        for (const char* ours : {"Host", "Content-Length", "Transfer-Encoding", "Connection",
                                 "Range", "Accept-Encoding", "Expect"})
            own = own || is_named(line, ours);
        if (!own) out.push_back(std::move(line));
    }
    return out;
}

LfsSource source_of(const protocol::LfsPointer& object, const json::Object& answer) {
    LfsSource out{object, "", {}, {}};
    if (const json::Object* refusal = object_in(answer, "error")) {
        out.refusal = object_refusal(object, *refusal);
        return out;
    }
    const auto size = number_in(answer, "size");
    if (size && *size != object.size) {
        out.refusal = error(Code::conflict, "lfs_mismatch",
                            fmt::format("{} has {} bytes at the LFS server, and {} by its pointer",
                                        of(object), *size, object.size));
        return out;
    }
    const json::Object* actions = object_in(answer, "actions");
    const json::Object* download = actions ? object_in(*actions, "download") : nullptr;
    if (download == nullptr) {
        out.refusal = error(Code::not_found, "lfs_missing",
                            "the LFS server offers no download of " + of(object));
        return out;
    }
    out.href = text_in(*download, "href");
    auto headers = headers_in(*download);
    if (headers)
        out.headers = std::move(*headers);
    else
        out.refusal = headers.error();
    return out;
}

/// A regular file below `folder`, not reached through a link that leads out.
Result<files::Fd> open_inside(const files::Path& folder, const files::Path& file) {
    std::error_code failed;
    const files::Path top = std::filesystem::canonical(folder, failed);
    const files::Path real = failed ? files::Path() : std::filesystem::canonical(file, failed);
    if (failed) return error(Code::not_found, "not_found", failed.message());
    if (!below_root(real, {top})) return denied("an LFS object is a link that leads elsewhere");
    return files::open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

std::string tail_of(const std::string& oid) {
    return "lfs/objects/" + oid.substr(0, 2) + "/" + oid.substr(2, 2) + "/" + oid;
}

/// Passes on what is within the size, and remembers why it stopped.
struct Meter {
    const protocol::LfsPointer& object;
    const LfsSink& sink;
    std::int64_t at = 0;
    Result<> state{};

    bool take(std::string_view piece) {
        at += static_cast<std::int64_t>(piece.size());
        if (at > object.size)
            state = error(Code::conflict, "lfs_mismatch",
                          fmt::format("{} has more than the {} bytes of its pointer", of(object),
                                      object.size));
        else
            state = sink(piece);
        return state.has_value();
    }
};

}  // namespace

LfsTransfer::LfsTransfer(Settings settings)
    : settings_(std::move(settings)),
      client_(http_client::ClientOptions{"", Duration{10'000}, "sluice-server (git-lfs)"}) {
    if (settings_.password.empty()) return;
    const std::string& name = settings_.username;
    authorization_ = "Authorization: Basic " +
                     text::to_base64((name.empty() ? "git" : name) + ":" + settings_.password);
}

void LfsTransfer::stop() {
    stopped_ = true;
    client_.interrupt();
}

/// Follows redirects. Every address is checked as that of a repository is, and what was meant for
/// one host is not sent to the next.
Result<http_client::Response> LfsTransfer::ask(http_client::Request request,
                                               const std::vector<std::string>& headers) {
    SLUICE_TRY(const Url endpoint, origin_of(settings_.place.endpoint));
    SLUICE_TRY(const Url first, origin_of(request.url));
    const std::vector<std::string> plain = request.headers;
    for (int redirects = 0;; ++redirects) {
        SLUICE_TRY(const Url origin, origin_of(request.url));
        if (endpoint.kind == Url::Kind::https && origin.kind != Url::Kind::https)
            return denied("the LFS server is reached by https and sends on to " + origin.host +
                          " by http");
        if (auto good = check_literal(origin, settings_.allowed_hosts); !good)
            return denied("Git LFS: " + good.error().message);
        request.may_connect = nullptr;
        if (!host_allowed(origin, settings_.allowed_hosts)) request.may_connect = public_address;
        request.headers = plain;
        if (origin == first)
            request.headers.insert(request.headers.end(), headers.begin(), headers.end());
        const bool named = std::any_of(
            request.headers.begin(), request.headers.end(),
            [](const std::string& header) { return is_named(header, "Authorization"); });
        if (!named && origin == endpoint && !authorization_.empty())
            request.headers.push_back(authorization_);
        auto response = client_.send(request);
        if (!response && response.error().id == "address_denied")
            return denied(
                fmt::format("host {} has a private or local address; the administrator "
                            "can allow it by name: --allow-git-host",
                            origin.host));
        if (!response && response.error().id == "interrupted") return response;
        if (!response)
            return unreachable(fmt::format("{} can't be reached: {}", origin.host,
                                           text::sanitize_utf8(response.error().message, 200)));
        if (!is_redirect(response->status)) return response;
        const auto location = response->headers.find("location");
        if (location == response->headers.end() || redirects == k_redirects_max)
            return unreachable(origin.host + " redirects too often, or to nowhere");
        request.url = redirected(request.url, location->second);
    }
}

Result<http_client::Response> LfsTransfer::ask_batch(const std::string& body) {
    http_client::Request request;
    request.method = "POST";
    request.url = settings_.place.endpoint + "/objects/batch";
    request.body = body;
    request.headers = {"Accept: " + std::string(k_media_type),
                       "Content-Type: " + std::string(k_media_type)};
    Duration wait = settings_.first_pause;
    for (int tried = 1;; ++tried, wait *= 2) {
        auto response = ask(request, {});
        if (response && response->ok()) return response;
        Error refusal =
            response ? batch_refusal(*response, settings_.place.endpoint) : response.error();
        if (refusal.id != "lfs_unreachable" || tried == k_tries) return refusal;
        if (stopped_) return error(Code::unavailable, "interrupted", "the server is stopping");
        std::this_thread::sleep_for(wait);
    }
}

Result<std::vector<LfsSource>> LfsTransfer::locate(
    const std::vector<protocol::LfsPointer>& objects) {
    if (!settings_.place.folder.empty()) return locate_files(objects);
    json::Array wanted;
    for (const protocol::LfsPointer& object : objects)
        wanted.push_back(json::Object{{"oid", object.sha256}, {"size", object.size}});
    const std::string body = json::serialize(json::Object{{"operation", "download"},
                                                          {"transfers", json::Array{"basic"}},
                                                          {"hash_algo", "sha256"},
                                                          {"objects", std::move(wanted)}});
    SLUICE_TRY(const auto response, ask_batch(body));
    return read_batch(objects, response.body);
}

Result<std::vector<LfsSource>> LfsTransfer::read_batch(
    const std::vector<protocol::LfsPointer>& objects, std::string_view body) const {
    const auto strange = [&](const char* what) {
        return unreachable(fmt::format("{} does not answer as a Git LFS server: {}",
                                       text::sanitize_utf8(settings_.place.endpoint, 256), what));
    };
    auto value = json::parse(body, {.bytes = 16u << 20, .depth = 16});
    if (!value || !value->is_object()) return strange("no JSON object");
    const json::Object& answer = value->as_object();
    const std::string transfer = text_in(answer, "transfer");
    if (!transfer.empty() && transfer != "basic") return strange("not by transfer `basic`");
    const json::Value* list = answer.if_contains("objects");
    if (list == nullptr || !list->is_array()) return strange("no list of objects");
    std::vector<LfsSource> out;
    for (const protocol::LfsPointer& object : objects) {
        const auto& entries = list->as_array();
        const auto at = std::find_if(entries.begin(), entries.end(), [&](const json::Value& entry) {
            return entry.is_object() && text_in(entry.as_object(), "oid") == object.sha256;
        });
        if (at == entries.end())
            out.push_back({object,
                           "",
                           {},
                           error(Code::not_found, "lfs_missing",
                                 "the LFS server says nothing of " + of(object))});
        else
            out.push_back(source_of(object, at->as_object()));
    }
    return out;
}

Result<> LfsTransfer::fetch(const LfsSource& source, const LfsSink& sink) {
    if (source.refusal) return *source.refusal;
    if (!settings_.place.folder.empty()) return fetch_file(source, sink);
    Meter meter{source.object, sink};
    http_client::Request request;
    request.url = source.href;
    // However slow the way is: 64 KiB/s are waited for.
    request.timeout = Duration{30'000 + source.object.size / 64};
    request.sink = [&meter](std::string_view piece) { return meter.take(piece); };
    auto response = ask(std::move(request), source.headers);
    if (!meter.state) return meter.state;
    if (!response) return response.error();
    const int status = response->status;
    if (status == 401 || status == 403)
        return error(
            Code::forbidden, "lfs_forbidden",
            fmt::format("the download of {} is refused with status {}", of(source.object), status));
    if (status == 404 || status == 410)
        return error(Code::not_found, "lfs_missing",
                     fmt::format("{} is not where the LFS server says (status {})",
                                 of(source.object), status));
    if (status != 200)
        return unreachable(fmt::format("the download of {} is answered with status {}",
                                       of(source.object), status));
    if (meter.at != source.object.size)
        return error(Code::conflict, "lfs_mismatch",
                     fmt::format("{} has {} bytes, and {} by its pointer", of(source.object),
                                 meter.at, source.object.size));
    return {};
}

Result<std::vector<LfsSource>> LfsTransfer::locate_files(
    const std::vector<protocol::LfsPointer>& objects) {
    std::error_code failed;
    const files::Path real = std::filesystem::canonical(settings_.place.folder, failed);
    std::vector<files::Path> roots;
    for (const files::Path& root : settings_.local_roots)
        roots.push_back(std::filesystem::weakly_canonical(root, failed));
    if (failed || !below_root(real, roots))
        return denied("the repository's path leads out of the administrator's list of roots");
    // A work tree's repository is in its folder `.git`.
    const files::Path git =
        std::filesystem::exists(real / ".git" / "HEAD", failed) ? real / ".git" : real;
    std::vector<LfsSource> out;
    for (const protocol::LfsPointer& object : objects) {
        LfsSource source{object, (git / tail_of(object.sha256)).string(), {}, {}};
        if (!std::filesystem::exists(source.href, failed))
            source.refusal =
                error(Code::not_found, "lfs_missing",
                      fmt::format("the repository does not have {} in its folder lfs/objects: push "
                                  "it there with `git lfs push --all`",
                                  of(object)));
        out.push_back(std::move(source));
    }
    return out;
}

Result<> LfsTransfer::fetch_file(const LfsSource& source, const LfsSink& sink) {
    SLUICE_TRY(const files::Fd fd, open_inside(settings_.place.folder, source.href));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return error(Code::not_found, "lfs_missing", of(source.object) + " is no file");
    if (status.st_size != source.object.size)
        return error(Code::conflict, "lfs_mismatch",
                     fmt::format("{} has {} bytes, and {} by its pointer", of(source.object),
                                 status.st_size, source.object.size));
    Meter meter{source.object, sink};
    std::vector<char> buffer(256 * 1024);
    while (meter.at < source.object.size) {
        if (stopped_) return error(Code::unavailable, "interrupted", "the server is stopping");
        const ssize_t got = ::pread(fd.get(), buffer.data(), buffer.size(), meter.at);
        if (got < 0) return files::errno_error(errno, "read " + of(source.object));
        if (got == 0)
            return error(Code::conflict, "lfs_mismatch", of(source.object) + " was cut off");
        if (!meter.take({buffer.data(), static_cast<std::size_t>(got)})) return meter.state;
    }
    return {};
}

}  // namespace sluice::git

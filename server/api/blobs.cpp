/// Blobs from and for runners (pipelines/protocol/packs.hpp, engine rule 24).

#include "pipelines/protocol/packs.hpp"
#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/core/packs.hpp"

#include <charconv>

namespace sluice::api {

namespace {

constexpr std::size_t k_piece = 256 * 1024;

Result<std::string> digest_of(const Request& request) {
    const std::string& digest = request.params.at("sha256");
    if (protocol::is_blob_digest(digest)) return digest;
    return error(Code::invalid, "bad_digest", "a blob is named by 64 hex digits in lower case",
                 "sha256");
}

Result<std::int64_t> bytes_header(const Request& request, std::string_view name) {
    const auto text = request.header(name);
    std::int64_t value = -1;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || failed != std::errc{} || end != text.data() + text.size() || value < 0 ||
        value > protocol::k_blob_max)
        return error(Code::invalid, "bad_offset", "send Upload-Offset and Upload-Length: <bytes>",
                     std::string(name));
    return value;
}

Reply with_offset(Reply reply, std::int64_t offset) {
    reply.headers.emplace_back(protocol::k_upload_offset, std::to_string(offset));
    return reply;
}

awaitable<Reply> head_blob(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string digest, digest_of(request));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto look = [id, run = live->run, &digest](store::Tx& tx) -> Result<bool> {
        const auto found = store::find_run(tx, run);
        return found && core::may_refer(tx, id, *found, digest);
    };
    SLUICE_CO_TRY_REPLY(const bool known, co_await api.writer.write(std::move(look)));
    if (known) co_return Reply{200, "application/octet-stream", {}, std::string{}};
    auto received = [&api, id, &digest] { return api.blobs.received(id, digest); };
    const auto here = co_await runtime::run_on(api.disk, std::move(received));
    co_return with_offset(http::error_reply(error(Code::not_found, "not_found", "send it")), here);
}

/// 409 with what is here, so that the runner goes on from there.
awaitable<Reply> refused(Api& api, AttemptId id, const std::string& digest, Error refusal) {
    auto received = [&api, id, &digest] { return api.blobs.received(id, digest); };
    const auto here = co_await runtime::run_on(api.disk, std::move(received));
    if (refusal.id == "disk_full") refusal.code = Code::unavailable;
    co_return with_offset(http::error_reply(refusal), here);
}

awaitable<Reply> put_blob(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string digest, digest_of(request));
    SLUICE_CO_TRY_REPLY(const auto offset, bytes_header(request, "upload-offset"));
    SLUICE_CO_TRY_REPLY(const auto length, bytes_header(request, "upload-length"));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto begin = [&api, id, &digest, offset = offset, length = length] {
        return api.blobs.upload(id, digest, offset, length);
    };
    auto upload = co_await runtime::run_on(api.disk, std::move(begin));
    if (!upload) co_return co_await refused(api, id, digest, upload.error());
    std::vector<char> buffer(k_piece);
    for (bool ended = false; !ended;) {
        std::size_t filled = 0;
        while (!ended && filled < buffer.size()) {
            const std::span<char> room(buffer.data() + filled, buffer.size() - filled);
            auto got = co_await request.body->read_some(room);
            if (!got) co_return http::error_reply(got.error());
            ended = *got == 0;
            filled += *got;
        }
        if (filled == 0) break;
        auto write = [&upload, bytes = std::string_view(buffer.data(), filled)] {
            return (*upload)->write(bytes);
        };
        auto written = co_await runtime::run_on(api.disk, std::move(write));
        if (!written) co_return co_await refused(api, id, digest, written.error());
        api.leases.extend(id, api.service.now(), api.scheduler.times().lease);
    }
    if (!(*upload)->complete())
        co_return co_await refused(
            api, id, digest, error(Code::conflict, "offset_mismatch", "there is more to send"));
    auto commit = [&upload] { return (*upload)->commit(); };
    auto hold = co_await runtime::run_on(api.disk, std::move(commit));
    if (!hold) co_return co_await refused(api, id, digest, hold.error());
    auto keep = [&api, id, &digest, length = length](store::Tx& tx) -> Result<> {
        store::insert_blob(tx, digest, length, api.clock.now());
        store::pin_blob(tx, id, digest);
        return {};
    };
    auto kept = co_await api.writer.write(std::move(keep));
    if (!kept) co_return http::error_reply(kept.error());
    co_return Reply{201, "application/json", {}, std::string("{}")};
}

}  // namespace

std::vector<http::Route> runner_blob_routes(Api& api) {
    using http::Method;
    const std::string blob = "/agent/v1/attempts/{attempt}/blobs/{sha256}";
    return {
        lease_route(api, Method::head, blob,
                    [&api](Request& r, AttemptId id) { return head_blob(api, r, id); }),
        lease_route(api, Method::put, blob,
                    [&api](Request& r, AttemptId id) { return put_blob(api, r, id); }),
    };
}

}  // namespace sluice::api

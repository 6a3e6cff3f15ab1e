/// Blobs from and for runners (pipelines/protocol/packs.hpp, engine rule 24).

#include "pipelines/protocol/packs.hpp"
#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/api/pack_files.hpp"
#include "server/core/memos.hpp"
#include "server/core/uploads.hpp"

#include <algorithm>
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
    if (known) {
        // Of one that a crash has cut off between the row and here.
        auto forget = [&api, id, &digest] { api.blobs.forget_upload(id, digest); };
        co_await runtime::run_on(api.disk, std::move(forget));
        co_return Reply{200, "application/octet-stream", {}, std::string{}};
    }
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

awaitable<Reply> keep_blob(Api& api, AttemptId id, const std::string& digest, blobs::Upload& upload,
                           std::int64_t length) {
    const core::UploadParts parts{api.writer, api.disk, api.blob_pool, api.blobs, api.clock};
    auto kept = co_await core::keep_upload(parts, id, digest, upload, length);
    if (!kept) co_return co_await refused(api, id, digest, kept.error());
    co_return Reply{201, "application/json", {}, std::string("{}")};
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
    co_return co_await keep_blob(api, id, digest, **upload, length);
}

awaitable<Result<protocol::InputReply>> resolved(Api& api, AttemptId id, const std::string& name) {
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return error(Code::lease_lost, "lease_lost", "the attempt is over");
    // Plans are the writer thread's.
    auto look = [&api, run = live->run, job = live->job, &name](store::Tx& tx) {
        return core::resolve_input(tx, api.lifecycle, run, job, name, api.clock.now());
    };
    co_return co_await api.writer.write(std::move(look));
}

awaitable<Reply> show_input(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const auto input, co_await resolved(api, id, request.params.at("name")));
    co_return json_reply(protocol::to_json(input));
}

awaitable<Reply> input_blob(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string digest, digest_of(request));
    SLUICE_CO_TRY_REPLY(auto input, co_await resolved(api, id, request.params.at("name")));
    for (protocol::InputPack& one : input.packs) {
        bool has = one.pack.manifest.sha256 == digest;
        for (const protocol::Blob& blob : one.pack.blobs) has = has || blob.sha256 == digest;
        if (has)
            co_return co_await pack_blob_reply(api, std::move(one.pack), digest,
                                               std::string(request.header("range")));
    }
    co_return http::error_reply(
        error(Code::not_found, "not_found", "the input has no such blob", "sha256"));
}

awaitable<Reply> find_cache(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const auto value, co_await json_body(request));
    SLUICE_CO_TRY_REPLY(const auto wanted, protocol::parse_cache(value));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto look = [&api, run = live->run, &wanted](store::Tx& tx) -> Result<protocol::CacheReply> {
        const auto found = store::find_run(tx, run);
        if (!found) return error(Code::not_found, "not_found", "no such run");
        return core::find_cache(tx, *found, wanted, api.clock.now());
    };
    SLUICE_CO_TRY_REPLY(const auto reply, co_await api.writer.write(std::move(look)));
    co_return json_reply(protocol::to_json(reply));
}

awaitable<Reply> cache_blob(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const std::string digest, digest_of(request));
    const std::string& number = request.params.at("pack");
    std::int64_t wanted = 0;
    std::from_chars(number.data(), number.data() + number.size(), wanted);
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto look = [run = live->run, wanted](store::Tx& tx) -> std::optional<store::Pack> {
        const auto found = store::find_run(tx, run);
        return found ? core::readable_cache(tx, *found, wanted) : std::nullopt;
    };
    auto pack = co_await api.read(std::move(look));
    if (!pack)
        co_return http::error_reply(error(Code::not_found, "not_found", "no such cache", "pack"));
    co_return co_await pack_blob_reply(api, std::move(pack->content), digest,
                                       std::string(request.header("range")));
}

awaitable<Reply> find_memo(Api& api, Request& request, AttemptId id) {
    SLUICE_CO_TRY_REPLY(const auto value, co_await json_body(request));
    SLUICE_CO_TRY_REPLY(const auto wanted, protocol::parse_memo(value));
    auto live = co_await live_or_revived(api, id);
    if (!live) co_return lease_lost();
    auto look = [&api, id, live = *live, &wanted](store::Tx& tx) -> Result<protocol::MemoReply> {
        const auto run = store::find_run(tx, live.run);
        const auto planned = api.lifecycle.plan_of(tx, live.run);
        const auto at = std::find(planned->ids.begin(), planned->ids.end(), live.job);
        if (!run || at == planned->ids.end())
            return error(Code::not_found, "not_found", "no such job");
        const auto index = static_cast<std::size_t>(at - planned->ids.begin());
        return core::find_memo(tx, id, *run, planned->jobs[index].spec, wanted, api.clock.now());
    };
    SLUICE_CO_TRY_REPLY(const auto reply, co_await api.writer.write(std::move(look)));
    co_return json_reply(protocol::to_json(reply));
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
        lease_route(api, Method::post, "/agent/v1/attempts/{attempt}/memo",
                    [&api](Request& r, AttemptId id) { return find_memo(api, r, id); }),
        lease_route(api, Method::post, "/agent/v1/attempts/{attempt}/cache",
                    [&api](Request& r, AttemptId id) { return find_cache(api, r, id); }),
        lease_route(api, Method::get, "/agent/v1/attempts/{attempt}/cache/{pack}/{sha256}",
                    [&api](Request& r, AttemptId id) { return cache_blob(api, r, id); }),
        lease_route(api, Method::get, "/agent/v1/attempts/{attempt}/inputs/{name}",
                    [&api](Request& r, AttemptId id) { return show_input(api, r, id); }),
        lease_route(api, Method::get, "/agent/v1/attempts/{attempt}/inputs/{name}/{sha256}",
                    [&api](Request& r, AttemptId id) { return input_blob(api, r, id); }),
    };
}

}  // namespace sluice::api

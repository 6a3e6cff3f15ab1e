#include "pipelines/protocol/memo.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::protocol {

namespace wire = model::wire;

namespace {

constexpr std::size_t k_parts_max = 1000;

}  // namespace

json::Value to_json(const MemoRequest& value) {
    json::Object out{{"parts", wire::string_map(value.parts)}};
    if (value.max_age) out["max_age_ms"] = value.max_age->count();
    return out;
}

Result<MemoRequest> parse_memo(const json::Value& value) {
    json::ObjectReader in(value, "");
    MemoRequest out;
    out.parts = in.string_map_or_empty("parts", k_parts_max);
    out.max_age = wire::milliseconds_or_null(in, "max_age_ms");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const MemoReply& value) {
    json::Array packs;
    for (const PackRef& pack : value.packs) packs.push_back(to_json(pack));
    return json::Object{{"hit", value.hit},
                        {"from", wire::text(value.from)},
                        {"differs", wire::strings(value.differs)},
                        {"outputs", wire::string_map(value.outputs)},
                        {"packs", std::move(packs)},
                        {"reports", model::to_json(value.reports)}};
}

Result<MemoReply> parse_memo_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    MemoReply out;
    out.hit = in.boolean_or("hit", false);
    out.from = in.string_or("from", "", 4096);
    out.differs = in.strings_or_empty("differs", k_parts_max);
    out.outputs = in.string_map_or_empty("outputs", 1000);
    SLUICE_TRY(out.packs, wire::list<PackRef>(in, "packs", k_packs_max, pack_from_json));
    if (const json::Value* reports = in.find("reports")) {
        SLUICE_TRY(out.reports, model::reports_from_json(*reports, in.pointer("reports")));
    }
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol

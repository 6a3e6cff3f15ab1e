#include "pipelines/protocol/hello.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::protocol {

namespace wire = model::wire;

json::Value to_json(const HostFacts& value) {
    return json::Object{
        {"os", wire::text(value.os)},   {"kernel", wire::text(value.kernel)},
        {"cpu", wire::text(value.cpu)}, {"cpus", value.cpus},
        {"memory", value.memory},       {"disk", value.disk},
        {"disk_free", value.disk_free}, {"versions", wire::string_map(value.versions)}};
}

Result<HostFacts> host_facts_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    HostFacts out;
    out.os = in.string_or("os", "", 256);
    out.kernel = in.string_or("kernel", "", 256);
    out.cpu = in.string_or("cpu", "", 256);
    out.cpus = in.integer_or("cpus", 0, 0, 1'000'000);
    out.memory = in.integer_or("memory", 0, 0, wire::k_max_integer);
    out.disk = in.integer_or("disk", 0, 0, wire::k_max_integer);
    out.disk_free = in.integer_or("disk_free", 0, 0, wire::k_max_integer);
    out.versions = in.string_map_or_empty("versions", 32);
    SLUICE_CHECK(in.finish());
    return out;
}

json::Value to_json(const HelloRequest& value) {
    return json::Object{{"protocol", value.protocol},
                        {"build", wire::text(value.build)},
                        {"facts", to_json(value.facts)}};
}

Result<HelloRequest> parse_hello(const json::Value& value) {
    json::ObjectReader in(value, "");
    HelloRequest out;
    out.protocol = static_cast<int>(in.integer("protocol", 0, 1'000'000));
    out.build = in.string_or("build", "", 256);
    if (const auto* facts = in.find("facts")) {
        SLUICE_TRY(out.facts, host_facts_from_json(*facts, "/facts"));
    }
    SLUICE_CHECK(in.finish());
    return out;
}

json::Value to_json(const HelloReply& value) {
    return json::Object{{"name", wire::text(value.name)}, {"server", wire::text(value.server)}};
}

Result<HelloReply> parse_hello_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    HelloReply out;
    out.name = in.string("name", 256);
    out.server = in.string_or("server", "", 256);
    SLUICE_CHECK(in.finish());
    return out;
}

}  // namespace sluice::protocol

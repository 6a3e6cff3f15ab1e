#include "pipelines/protocol/shell.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/model/wire.hpp"

namespace sluice::protocol {

namespace {

namespace wire = model::wire;

constexpr int k_window_max = 10'000;

boost::json::string base64(const std::string& bytes) {
    return boost::json::string(text::to_base64(bytes));
}

std::string bytes(json::ObjectReader& in) {
    auto decoded = text::from_base64(in.string_or("bytes", "", k_shell_piece_max / 3 * 4 + 8));
    if (!decoded) in.fail("bytes", "must be base64");
    return decoded.value_or("");
}

std::int64_t offset(json::ObjectReader& in) {
    return in.integer("offset", 0, wire::k_max_bytes);
}

}  // namespace

json::Value to_json(const WindowSize& value) {
    return json::Object{{"columns", value.columns}, {"rows", value.rows}};
}

WindowSize window_size(json::ObjectReader& in) {
    WindowSize window;
    window.columns = static_cast<int>(in.integer_or("columns", window.columns, 1, k_window_max));
    window.rows = static_cast<int>(in.integer_or("rows", window.rows, 1, k_window_max));
    return window;
}

json::Value to_json(const KeptRequest& value) {
    return json::Object{{"runner_instance", wire::text(value.runner_instance)},
                        {"left_ms", value.left.count()},
                        {"wait_ms", value.wait.count()}};
}

Result<KeptRequest> parse_kept(const json::Value& value) {
    json::ObjectReader in(value, "");
    KeptRequest out;
    out.runner_instance = in.string("runner_instance", 128);
    out.left = wire::milliseconds(in, "left_ms");
    out.wait = wire::milliseconds(in, "wait_ms");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const KeptReply& value) {
    json::Object out{{"release", value.release}};
    if (value.shell == 0) return out;
    out["shell"] = value.shell;
    out["term"] = wire::text(value.term);
    out["columns"] = value.window.columns;
    out["rows"] = value.window.rows;
    return out;
}

Result<KeptReply> parse_kept_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    KeptReply out;
    out.release = in.boolean_or("release", false);
    out.shell = in.integer_or("shell", 0, 0, wire::k_max_integer);
    out.term = in.string_or("term", "", 64);
    out.window = window_size(in);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const ShellOutput& value) {
    json::Object out{
        {"offset", value.offset}, {"bytes", base64(value.bytes)}, {"ended", value.ended}};
    if (value.exit_code) out["exit_code"] = *value.exit_code;
    if (!value.reason.empty()) out["reason"] = wire::text(value.reason);
    return out;
}

Result<ShellOutput> parse_shell_output(const json::Value& value) {
    json::ObjectReader in(value, "");
    ShellOutput out;
    out.offset = offset(in);
    out.bytes = bytes(in);
    out.ended = in.boolean_or("ended", false);
    if (in.find("exit_code") != nullptr)
        out.exit_code = static_cast<int>(in.integer("exit_code", 0, 255));
    out.reason = in.string_or("reason", "", 1024);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const ShellTaken& value) {
    return json::Object{{"offset", value.offset}};
}

Result<ShellTaken> parse_shell_taken(const json::Value& value) {
    json::ObjectReader in(value, "");
    ShellTaken out{offset(in)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const InputRequest& value) {
    return json::Object{{"offset", value.offset}, {"wait_ms", value.wait.count()}};
}

Result<InputRequest> parse_input_request(const json::Value& value) {
    json::ObjectReader in(value, "");
    InputRequest out;
    out.offset = offset(in);
    out.wait = wire::milliseconds(in, "wait_ms");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const ShellInput& value) {
    return json::Object{{"offset", value.offset},
                        {"bytes", base64(value.bytes)},
                        {"columns", value.window.columns},
                        {"rows", value.window.rows}};
}

Result<ShellInput> parse_shell_input(const json::Value& value) {
    json::ObjectReader in(value, "");
    ShellInput out;
    out.offset = offset(in);
    out.bytes = bytes(in);
    out.window = window_size(in);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol

#pragma once
/// A person's shell in the kept environment of a failed job: what its runner and the server say to
/// each other (docs/decisions/0026). All calls carry `Authorization: Lease <token>`.
///
/// | call | body → reply |
/// |---|---|
/// | POST attempts/{id}/kept                  | KeptRequest → 200 KeptReply (long poll) |
/// | POST attempts/{id}/shells/{shell}/output | ShellOutput → 200 ShellTaken; 410 when it is over |
/// | POST attempts/{id}/shells/{shell}/input  | InputRequest → 200 ShellInput (long poll); 410 |
///
/// Both directions are streams of bytes with offsets, as logs are: a piece that is sent again does
/// no harm, so every call may be repeated after a broken connection.

#include "pipelines/base/json.hpp"
#include "pipelines/base/result.hpp"
#include "pipelines/base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::protocol {

/// Bytes of one piece.
inline constexpr std::size_t k_shell_piece_max = 64 * 1024;
/// How long a retry may ask for a failed job to be kept.
inline constexpr Duration k_keep_max{24 * 3'600'000};
inline constexpr Duration k_keep_default{3'600'000};

struct WindowSize {
    int columns = 80, rows = 24;
    bool operator==(const WindowSize&) const = default;
};
json::Value to_json(const WindowSize& value);
/// The members `columns` and `rows` of what `in` reads; what is absent keeps its default.
WindowSize window_size(json::ObjectReader& in);

/// The attempt has ended, its environment waits for people.
struct KeptRequest {
    std::string runner_instance;
    Duration left{0};  ///< until the runner removes it
    Duration wait{0};  ///< long poll
};
struct KeptReply {
    std::int64_t shell = 0;  ///< somebody wants a shell; 0 = nobody yet
    std::string term;        ///< with a shell: TERM of the person's terminal
    WindowSize window;
    bool release = false;  ///< nobody wants it any more: remove it
};

struct ShellOutput {
    std::int64_t offset = 0;  ///< of the first byte
    std::string bytes;        ///< base64 on the wire
    bool ended = false;       ///< these were the last ones
    std::optional<int> exit_code{};
    std::string reason{};  ///< with ended, when it did not end by itself
};
struct ShellTaken {
    std::int64_t offset = 0;  ///< all before it were taken; less than sent: send the rest again
};

struct InputRequest {
    std::int64_t offset = 0;  ///< all before it have reached the shell
    Duration wait{0};
};
struct ShellInput {
    std::int64_t offset = 0;
    std::string bytes;  ///< base64 on the wire
    WindowSize window;
};

json::Value to_json(const KeptRequest& value);
Result<KeptRequest> parse_kept(const json::Value& value);
json::Value to_json(const KeptReply& value);
Result<KeptReply> parse_kept_reply(const json::Value& value);
json::Value to_json(const ShellOutput& value);
Result<ShellOutput> parse_shell_output(const json::Value& value);
json::Value to_json(const ShellTaken& value);
Result<ShellTaken> parse_shell_taken(const json::Value& value);
json::Value to_json(const InputRequest& value);
Result<InputRequest> parse_input_request(const json::Value& value);
json::Value to_json(const ShellInput& value);
Result<ShellInput> parse_shell_input(const json::Value& value);

}  // namespace sluice::protocol

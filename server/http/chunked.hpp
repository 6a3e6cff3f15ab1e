#pragma once
/// The body of a chunked request, decoded by Boost.Beast, which lives behind this header alone. One
/// thread at a time.

#include "pipelines/base/result.hpp"

#include <memory>
#include <span>
#include <string_view>

namespace sluice::http {

/// Chunk extensions are skipped; trailers are checked and dropped (R2): nothing of them leaves the
/// decoder.
class ChunkedDecoder {
public:
    ChunkedDecoder();
    ~ChunkedDecoder();
    ChunkedDecoder(const ChunkedDecoder&) = delete;
    ChunkedDecoder& operator=(const ChunkedDecoder&) = delete;

    struct Step {
        std::size_t consumed = 0;  ///< bytes of the input that are done with
        std::size_t produced = 0;  ///< bytes of the body put into the output
        bool done = false;  ///< the body is complete; what follows in the input is the next request
    };
    /// Decodes as much as fits; consumes and produces nothing when it needs more input (call again
    /// with the same bytes and more). Refused with `bad_framing`; the connection must then close.
    /// Not to be called after `done`.
    Result<Step> step(std::string_view input, std::span<char> output);

private:
    struct Parser;
    std::unique_ptr<Parser> parser_;
};

/// An input that is this long and still not enough is refused: no chunk header or trailer section
/// is that long.
inline constexpr std::size_t k_max_chunk_header = 8 * 1024;

}  // namespace sluice::http

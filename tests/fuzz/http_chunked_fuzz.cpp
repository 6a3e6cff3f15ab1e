// Bytes of a chunked body → the same body and the same end however they are cut, and never more
// than came. The first byte of the input is the size of the pieces. Links with
// server/http/chunked.cpp.
#include "server/http/chunked.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace sluice::http;

namespace {

struct Decoded {
    std::string body;
    std::size_t consumed = 0;
    bool done = false;
    bool refused = false;
};

Decoded decode(std::string_view bytes, std::size_t piece, std::size_t room) {
    ChunkedDecoder decoder;
    Decoded result;
    std::string output(room, '\0');
    for (std::size_t seen = 0; seen < bytes.size();) {
        seen = std::min(bytes.size(), seen + piece);
        while (true) {
            auto step = decoder.step(bytes.substr(result.consumed, seen - result.consumed), output);
            if (!step) {
                result.refused = true;
                return result;
            }
            result.consumed += step->consumed;
            result.body.append(output, 0, step->produced);
            if (step->done) {
                result.done = true;
                return result;
            }
            if (step->consumed == 0 && step->produced == 0) break;
        }
    }
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    std::size_t piece = data[0] == 0 ? 1 : data[0];
    std::string_view bytes{reinterpret_cast<const char*>(data + 1), size - 1};
    auto whole = decode(bytes, bytes.size(), 4096);
    auto cut = decode(bytes, piece, 1 + piece % 7);
    if (whole.body.size() > bytes.size() || whole.consumed > bytes.size()) std::abort();
    if (whole.done != cut.done || whole.refused != cut.refused) std::abort();
    if (whole.done && (whole.body != cut.body || whole.consumed != cut.consumed)) std::abort();
    return 0;
}

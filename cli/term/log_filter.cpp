#include "cli/term/log_filter.hpp"

namespace sluice::cli {
namespace {

constexpr char k_escape = '\x1b';
constexpr char k_bell = '\x07';
constexpr std::size_t k_longest_sgr = 64;

}  // namespace

std::string LogFilter::feed(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    for (char byte : bytes) take(byte, out);
    return out;
}

void LogFilter::take(char byte, std::string& out) {
    auto code = static_cast<unsigned char>(byte);
    switch (state_) {
        case State::c1_lead:
            // C2 80 … C2 9F are the C1 controls in UTF-8; C2 9B is a CSI to some terminals.
            state_ = State::text;
            if (code >= 0x80 && code < 0xA0) return;
            out += '\xC2';
            [[fallthrough]];
        case State::text:
            if (byte == k_escape) {
                state_ = State::escape;
                return;
            }
            if (code == 0xC2) {
                state_ = State::c1_lead;
                return;
            }
            if (code >= 0x20 ? code != 0x7F : byte == '\n' || byte == '\t' || byte == '\r')
                out += byte;
            return;
        case State::escape:
            if (byte == '[') {
                state_ = State::csi;
                sequence_.clear();
            } else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') {
                state_ = State::string;
            } else if (byte != k_escape) {
                state_ = State::text;
            }
            return;
        case State::csi:
            if (code >= 0x40 && code < 0x7F) {
                if (byte == 'm' &&
                    sequence_.find_first_not_of("0123456789;:") == std::string::npos &&
                    sequence_.size() <= k_longest_sgr)
                    out += "\x1b[" + sequence_ + 'm';
                state_ = State::text;
            } else if (code < 0x20) {
                state_ = byte == k_escape ? State::escape : State::text;
                if (byte == '\n') out += byte;
            } else if (sequence_.size() <= k_longest_sgr) {
                sequence_ += byte;
            }
            return;
        case State::string:
            if (byte == k_bell || byte == '\n') state_ = State::text;
            if (byte == '\n') out += byte;
            if (byte == k_escape) state_ = State::string_escape;
            return;
        case State::string_escape: state_ = byte == '\\' ? State::text : State::string; return;
    }
}

}  // namespace sluice::cli

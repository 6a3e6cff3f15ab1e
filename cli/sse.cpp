#include "cli/sse.hpp"

namespace sluice::cli {

bool SseParser::feed(std::string_view bytes) {
    for (char byte : bytes) {
        if (byte == '\n' && after_cr_) {
            after_cr_ = false;
            continue;
        }
        after_cr_ = byte == '\r';
        if (byte != '\n' && byte != '\r') {
            line_ += byte;
            continue;
        }
        bool more = take_line(line_);
        line_.clear();
        if (!more) return false;
    }
    return true;
}

void SseParser::reset() {
    line_.clear();
    event_.type.clear();
    event_.data.clear();
    pending_id_ = event_.id;
    after_cr_ = has_data_ = false;
}

bool SseParser::take_line(std::string_view line) {
    if (line.empty()) {
        event_.id = pending_id_;
        bool more = true;
        if (has_data_) {
            event_.data.pop_back();
            if (event_.type.empty()) event_.type = "message";
            more = on_event_(event_);
        }
        reset();
        return more;
    }
    if (line.front() == ':') return true;
    auto colon = line.find(':');
    std::string_view field = line.substr(0, colon);
    std::string_view value =
        colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (field == "event") event_.type = value;
    if (field == "data") {
        event_.data += value;
        event_.data += '\n';
        has_data_ = true;
    }
    if (field == "id" && value.find('\0') == std::string_view::npos) pending_id_ = value;
    return true;
}

}  // namespace sluice::cli

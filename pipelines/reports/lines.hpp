#pragma once
/// Bytes in pieces → lines. Pure, any thread.

#include <string>
#include <string_view>

namespace sluice::reports {

/// Gives each line without its end (`\n` or `\r\n`) to a callable; what is over 64 KiB of one line
/// is dropped.
class LineSplitter {
public:
    template <class Take>
    void feed(std::string_view bytes, Take&& take) {
        for (std::size_t end = bytes.find('\n'); end != std::string_view::npos;
             end = bytes.find('\n')) {
            keep(bytes.substr(0, end));
            flush(take);
            bytes.remove_prefix(end + 1);
        }
        keep(bytes);
        open_ = open_ || !bytes.empty();
    }
    /// The last line, when it has no end.
    template <class Take>
    void finish(Take&& take) {
        if (open_) flush(take);
    }

private:
    static constexpr std::size_t k_max = 64 * 1024;

    void keep(std::string_view part) {
        if (line_.size() < k_max) line_.append(part.substr(0, k_max - line_.size()));
    }
    template <class Take>
    void flush(Take& take) {
        std::string_view line = line_;
        if (line.ends_with('\r')) line.remove_suffix(1);
        take(line);
        line_.clear();
        open_ = false;
    }

    std::string line_;
    bool open_ = false;
};

}  // namespace sluice::reports

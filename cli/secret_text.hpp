#pragma once
/// How a secret's value is read, the same for a server's and for a local run. Pure.

#include <string>

namespace sluice::cli {

/// A value of one line without the line end that `echo` and editors put there. One of several lines
/// (a key, a certificate) stays as it is: programs refuse a key without its last newline.
inline std::string without_line_end(std::string value) {
    for (const char end : {'\n', '\r'})
        if (value.ends_with(end) && value.find(end) == value.size() - 1) value.pop_back();
    return value;
}

}  // namespace sluice::cli

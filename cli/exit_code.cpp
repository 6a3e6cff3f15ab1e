#include "cli/exit_code.hpp"

namespace sluice::cli {

Error usage_error(std::string message) {
    return error(Code::invalid, k_usage, std::move(message));
}

Exit exit_for(const Error& error) {
    if (error.id == k_unreachable) return Exit::unreachable;
    if (error.id == k_usage) return Exit::usage;
    return Exit::refused;
}

}  // namespace sluice::cli

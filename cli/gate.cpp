#include "cli/gate.hpp"

#include "cli/json_view.hpp"

namespace sluice::cli {

Exit verdict_of(const json::Value& gate) {
    if (!number_of(gate, "run_id")) return Exit::unknown;
    std::string verdict = text_of(gate, "verdict");
    if (verdict == "green") return Exit::ok;
    return verdict == "red" ? Exit::negative : Exit::unknown;
}

std::string waiting_text(const json::Value& gate) {
    if (!number_of(gate, "run_id")) return "waiting for a run of this commit";
    std::string text;
    for (const auto& check : items_of(gate, "checks")) {
        if (text_of(check, "color") != "pending") continue;
        text += (text.empty() ? "waiting for " : ", ") + text_of(check, "name") + " (" +
                text_of(check, "state") + ")";
    }
    return text.empty() ? "waiting" : text;
}

}  // namespace sluice::cli

#include "pipelines/plan/lower_settings.hpp"

#include "pipelines/base/quantity.hpp"
#include "pipelines/plan/lower_value.hpp"
#include "pipelines/plan/shards.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <initializer_list>

namespace sluice::plan {
namespace {

using config::Member;
using config::Node;
using config::Scalar;
using config::Scopes;

constexpr Duration k_default_expiry = std::chrono::hours(30 * 24);

/// Keys that no field of JobSpec has; they stand in JobSpec::settings.
constexpr std::array<std::string_view, 19> k_in_settings = {
    "services", "python", "distributed", "memoize", "sweep",  "checkpoint", "sla",
    "incident", "spark",  "file",        "context", "target", "platforms",  "build_args",
    "push",     "type",   "kubernetes",  "ssh",     "model"};

int number(const Node* node, int fallback) {
    if (node == nullptr) return fallback;
    int out = fallback;
    std::from_chars(node->text.data(), node->text.data() + node->text.size(), out);
    return out;
}

bool is_true(const Node* node) {
    return node != nullptr && node->text == "true";
}

std::string literal(const Node* node) {
    return node == nullptr ? std::string{} : node->text;
}

template <TextEnum E>
E choice(const Node* node, E fallback) {
    return node == nullptr ? fallback : parse_enum<E>(node->text).value_or(fallback);
}

class Settings {
public:
    Settings(const Node& job, Evaluation& evaluation, model::JobSpec& spec)
        : job_(job), evaluation_(evaluation), spec_(spec) {}

    void run() {
        image();
        placement();
        checkout();
        limits();
        people();
        data();
        artifacts();
        reports();
        thresholds();
        kinds();
        for (const std::string_view name : k_in_settings) keep(name);
    }

private:
    std::string text(const Node* map, Scopes scope, std::string_view key,
                     std::string fallback = {}) {
        const Node* node = map == nullptr ? nullptr : map->find(key);
        return evaluation_.text_or(node, *config::find_key(scope, key), std::move(fallback));
    }

    /// text() of a key that may read `needs`, for that place of the spec.
    std::string late_text(std::initializer_list<std::string_view> place, const Node* map,
                          Scopes scope, std::string_view key, std::string fallback = {}) {
        const Evaluation::Inside inside(evaluation_, place);
        return text(map, scope, key, std::move(fallback));
    }

    /// The key as JSON into JobSpec::settings.
    void keep(std::string_view name) {
        const Node* node = job_.find(name);
        if (node == nullptr) return;
        const Evaluation::Inside inside(evaluation_, {"settings", name});
        spec_.settings[name] =
            lower_value(*node, *config::find_key(config::scope_job, name), evaluation_);
    }

    void image() {
        const Node* image = job_.find("image");
        if (image == nullptr) return;
        spec_.image = late_text({"image"}, image, config::scope_image, "name");
        if (spec_.image == "none") spec_.image.clear();
        model::ImageSettings& settings = spec_.image_settings;
        settings.pull = choice(image->find("pull"), model::PullPolicy::missing);
        settings.auth = literal(image->find("auth"));
        settings.user = literal(image->find("user"));
        settings.entrypoint = config::strings_of(image->find("entrypoint"));
    }

    void placement() {
        if (const Node* labels = job_.find("runs_on")) {
            const bool is_map = labels->is_map();
            if (const Node* list = is_map ? labels->find("labels") : labels)
                spec_.runs_on = evaluation_.texts(*list, Scalar::label);
            if (is_map) {
                json::Object where;
                for (const Member& member : labels->members)
                    if (member.name != "labels")
                        where[member.name] = lower_value(
                            member.value, *config::find_key(config::scope_runs_on, member.name),
                            evaluation_);
                if (!where.empty()) spec_.settings["runs_on"] = std::move(where);
            }
        }
        const Node* resources = job_.find("resources");
        if (resources == nullptr) return;
        const auto amount = [&](std::string_view key, auto parse) -> std::int64_t {
            const std::string value = text(resources, config::scope_resources, key);
            return value.empty() ? 0 : parse(value).value_or(0);
        };
        spec_.resources.cpu_millis = amount("cpu", [](auto& v) { return optional(parse_cpu(v)); });
        spec_.resources.memory = amount("memory", [](auto& v) { return optional(parse_size(v)); });
        spec_.resources.disk = amount("disk", [](auto& v) { return optional(parse_size(v)); });
        const Node* gpu = resources->find("gpu");
        if (gpu == nullptr) return;
        const std::string count = text(gpu, config::scope_gpu, "count", "1");
        std::from_chars(count.data(), count.data() + count.size(), spec_.resources.gpus);
        const std::string memory = text(gpu, config::scope_gpu, "min_memory");
        if (!memory.empty()) spec_.resources.gpu_memory = optional(parse_size(memory)).value_or(0);
        spec_.resources.gpu_model = text(gpu, config::scope_gpu, "model");
    }

    static std::optional<std::int64_t> optional(const Result<std::int64_t>& parsed) {
        if (!parsed) return std::nullopt;
        return *parsed;
    }

    void checkout() {
        const Node* source = job_.find("source");
        if (source == nullptr) return;
        spec_.source = source->text != "none";
        spec_.checkout.full_history = literal(source->find("history")) == "full";
        spec_.checkout.submodules = is_true(source->find("submodules"));
        spec_.checkout.lfs = is_true(source->find("lfs"));
    }

    /// deploy and model change the world: a second attempt may find it half changed.
    bool is_deploying() const { return spec_.kind == "deploy" || spec_.kind == "model"; }

    void limits() {
        if (const Node* timeout = job_.find("timeout")) {
            spec_.timeout = duration_of(timeout->find("run"));
            spec_.queue_timeout = duration_of(timeout->find("queue"));
        }
        spec_.allow_failure = allow_failure(job_.find("allow_failure"), evaluation_);
        spec_.retry = {{"infra", is_deploying() ? 0 : 2}, {"preempted", is_deploying() ? 0 : 10}};
        spec_.replayable = !is_deploying();
        const Node* retry = job_.find("retry");
        if (retry == nullptr) return;
        for (const Member& cause : retry->members) {
            if (cause.name == "exit_codes") {
                for (const Member& code : cause.value.members)
                    spec_.retry_exit_codes[std::atoi(code.name.c_str())] = number(&code.value, 0);
            } else if (cause.name == "backoff") {
                model::Backoff backoff;
                backoff.base = duration_of(cause.value.find("base")).value_or(backoff.base);
                backoff.max = duration_of(cause.value.find("max")).value_or(backoff.max);
                if (const Node* factor = cause.value.find("factor"))
                    backoff.factor = parse_decimal(factor->text).value_or(backoff.factor);
                spec_.backoff = backoff;
            } else {
                spec_.retry[cause.name] = number(&cause.value, 0);
            }
        }
    }

    void people() {
        if (const Node* group = job_.find("concurrency"))
            spec_.concurrency = concurrency_of(*group, evaluation_);
        if (const Node* approval = job_.find("approval");
            approval != nullptr && (approval->is_map() || is_true(approval))) {
            model::Approval out;
            out.by = config::strings_of(approval->find("by"));
            out.reason_required = approval->find("reason") != nullptr;
            out.expires = duration_of(approval->find("expires")).value_or(out.expires);
            spec_.approval = std::move(out);
        }
        if (const Node* environment = job_.find("environment"))
            spec_.environment = model::Environment{
                late_text({"environment", "name"}, environment, config::scope_environment, "name"),
                late_text({"environment", "url"}, environment, config::scope_environment, "url")};
        const Node* interruptible = job_.find("interruptible");
        spec_.interruptible = interruptible != nullptr ? is_true(interruptible)
                                                       : !is_deploying() && !spec_.environment;
    }

    void data() {
        spec_.secrets = secrets_of(job_.find("secrets"));
        if (const Node* tokens = job_.find("id_tokens"))
            for (const Member& token : tokens->members)
                spec_.id_tokens[token.name] = literal(token.value.find("audience"));
        if (const Node* inputs = job_.find("inputs"))
            for (const Member& input : inputs->members)
                spec_.inputs[input.name] = {text(&input.value, config::scope_input, "from"),
                                            text(&input.value, config::scope_input, "to"),
                                            is_true(input.value.find("optional"))};
        if (const Node* outputs = job_.find("outputs"))
            for (const Member& output : outputs->members)
                spec_.outputs[output.name] = {
                    choice(output.value.find("type"), model::OutputType::string),
                    late_text({"outputs", output.name, "path"}, &output.value, config::scope_output,
                              "path"),
                    late_text({"outputs", output.name, "publish"}, &output.value,
                              config::scope_output, "publish"),
                    output.value.find("commit") != nullptr};
        if (const Node* outputs = job_.find("outputs"))
            for (const Member& output : outputs->members)
                if (output.value.find("publish") != nullptr) spec_.replayable = false;
        const Node* cache = job_.find("cache");
        if (cache == nullptr) return;
        for (const Node& item : cache->items) {
            if (!item.is_map()) continue;
            model::CacheSpec out;
            out.key = text(&item, config::scope_cache, "key");
            if (const Node* paths = item.find("paths"))
                out.paths = evaluation_.texts(*paths, Scalar::path);
            if (const Node* restore = item.find("restore"))
                out.restore = evaluation_.texts(*restore, Scalar::line);
            out.save = choice(item.find("save"), model::SaveWhen::success);
            spec_.cache.push_back(std::move(out));
        }
    }

    void artifacts() {
        const Node* list = job_.find("artifacts");
        if (list == nullptr) return;
        model::ArtifactSpec unnamed{.name = "artifacts",
                                    .paths = evaluation_.texts(*list, Scalar::path),
                                    .expire_in = k_default_expiry};
        if (!unnamed.paths.empty()) spec_.artifacts.push_back(std::move(unnamed));
        for (const Node& item : list->items) {
            if (!item.is_map()) continue;
            model::ArtifactSpec artifact{.name = "artifacts", .expire_in = k_default_expiry};
            artifact.name = text(&item, config::scope_artifact, "name", "artifacts");
            if (const Node* paths = item.find("paths"))
                artifact.paths = evaluation_.texts(*paths, Scalar::path);
            if (const auto expiry = duration_of(item.find("expire_in")))
                artifact.expire_in = expiry;
            artifact.when = choice(item.find("when"), model::UploadWhen::success);
            for (const auto& other : spec_.artifacts)
                if (other.name == artifact.name)
                    evaluation_.fail(item, 0, "duplicate_artifact",
                                     fmt::format("two artifacts of `{}` are called `{}`", spec_.id,
                                                 artifact.name),
                                     "give each a `name`");
            spec_.artifacts.push_back(std::move(artifact));
        }
    }

    void reports() {
        const Node* map = job_.find("reports");
        if (map == nullptr) return;
        for (const Member& report : map->members)
            spec_.reports.push_back(
                {.format = report.name, .paths = evaluation_.texts(report.value, Scalar::path)});
    }

    static std::optional<model::Amount> amount(const Node* node) {
        if (node == nullptr) return std::nullopt;
        if (const auto percent = parse_percent(node->text)) return model::Amount{*percent, true};
        return model::Amount{parse_decimal(node->text).value_or(0), false};
    }

    void thresholds() {
        const Node* list = job_.find("thresholds");
        if (list == nullptr) return;
        for (const Node& item : list->items) {
            if (!item.is_map()) continue;
            model::Threshold out;
            out.metric = literal(item.find("metric"));
            out.min = amount(item.find("min"));
            out.max = amount(item.find("max"));
            out.max_drop = amount(item.find("max_drop"));
            out.max_rise = amount(item.find("max_rise"));
            out.ignore_below = amount(item.find("ignore_below"));
            out.against = choice(item.find("against"), model::Against::merge_base);
            out.same_inputs = config::strings_of(item.find("same_inputs"));
            out.seeds = number(item.find("seeds"), 1);
            out.missing_warns = literal(item.find("missing")) == "warn";
            spec_.thresholds.push_back(std::move(out));
        }
    }

    void kinds() {
        spec_.generate = literal(job_.find("generate"));
        if (const Node* tools = job_.find("tools")) {
            const Evaluation::Inside inside(evaluation_, {"lint", "tools"});
            spec_.lint.tools = evaluation_.texts(*tools, Scalar::name);
        }
        if (const Node* fail_on = job_.find("fail_on")) {
            const std::string level =
                late_text({"lint", "level"}, fail_on, config::scope_fail_on, "level", "warning");
            const std::string scope =
                late_text({"lint", "scope"}, fail_on, config::scope_fail_on, "scope", "new");
            spec_.lint.level = parse_enum<model::FindingLevel>(level).value_or(spec_.lint.level);
            spec_.lint.scope = parse_enum<model::FailScope>(scope).value_or(spec_.lint.scope);
        }
        const std::string shards = text(&job_, config::scope_job, "shards", "1");
        std::from_chars(shards.data(), shards.data() + shards.size(), spec_.test.shards);
        if (spec_.test.shards > k_max_shards)
            evaluation_.fail(
                *job_.find("shards"), 0, "too_many_shards",
                fmt::format("{} shards of `{}`, at most {}", shards, spec_.id, k_max_shards),
                "fewer shards take more tests each");
        const std::string reruns =
            late_text({"test", "rerun_failed"}, &job_, config::scope_job, "rerun_failed", "0");
        std::from_chars(reruns.data(), reruns.data() + reruns.size(), spec_.test.rerun_failed);
        spec_.test.framework =
            late_text({"test", "framework"}, &job_, config::scope_job, "framework");
    }

    const Node& job_;
    Evaluation& evaluation_;
    model::JobSpec& spec_;
};

}  // namespace

model::Concurrency concurrency_of(const Node& node, Evaluation& evaluation) {
    model::Concurrency out;
    out.group = evaluation.text_or(node.find("group"),
                                   *config::find_key(config::scope_concurrency, "group"), "");
    out.policy = choice(node.find("policy"), model::ConcurrencyPolicy::queue);
    out.limit = number(node.find("limit"), 1);
    return out;
}

std::optional<Duration> duration_of(const Node* node) {
    if (node == nullptr) return std::nullopt;
    const auto parsed = parse_duration(node->text);
    if (!parsed) return std::nullopt;
    return *parsed;
}

model::AllowFailure allow_failure(const Node* node, Evaluation& evaluation) {
    model::AllowFailure out;
    if (node == nullptr) return out;
    if (node->is_scalar()) {
        out.any = evaluation.text(*node, Scalar::boolean).value_or("false") == "true";
        return out;
    }
    for (const std::string& code : evaluation.texts(*node, Scalar::exit_code))
        out.exit_codes.push_back(std::stoi(code));
    return out;
}

std::map<std::string, model::SecretSpec> secrets_of(const Node* node) {
    std::map<std::string, model::SecretSpec> out;
    if (node == nullptr) return out;
    for (const Member& member : node->members) {
        const Node& value = member.value;
        const Node* name = value.is_scalar() ? &value : value.find("secret");
        out[member.name] = {literal(name), literal(value.find("as")) == "file",
                            is_true(value.find("optional"))};
    }
    return out;
}

void lower_settings(const Node& job, Evaluation& evaluation, model::JobSpec& spec) {
    Settings(job, evaluation, spec).run();
}

}  // namespace sluice::plan

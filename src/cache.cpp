// cachemodel: a backend with the rules that all backends share.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/schemes.hpp>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "cache_settings.hpp"

namespace cachemodel {

namespace {

using detail::CacheView;
using detail::check_prefix;
using detail::FinalKeys;

void fill(std::span<Outcome> outcomes, const Outcome& outcome) {
    std::fill(outcomes.begin(), outcomes.end(), outcome);
}

/// Some entries of a call, and which ones of it.
struct Part {
    std::vector<std::string_view> keys;
    std::vector<std::size_t> places;
};

}  // namespace

Cache Cache::open(std::string_view url, const Clock& clock) {
    auto parsed = CacheUrl::parse(url);
    auto options = detail::take_options(parsed, clock);
    auto backend = find_scheme(parsed.scheme())(parsed, clock);
    parsed.expect_all_taken();
    Cache cache{std::move(backend), std::move(options)};
    CacheView view = cache.view();
    view.warnings = std::move(parsed.warnings_);
    view.warned_of = std::move(parsed.problems_);
    return Cache{cache.core_, std::move(view)};
}

Cache::Cache(std::shared_ptr<Backend> backend, CacheOptions options) {
    if (!backend) throw ConfigError("a cache needs a backend");
    detail::check_options(options);
    core_ = std::make_shared<detail::CacheCore>(
        std::move(backend), options.clock,
        detail::CacheCore::LoadSettings{.loads_without_cache = options.loads_without_cache,
                                        .seed = options.seed},
        options.decoded, options.decoded_expires);
    view_ = std::make_shared<const CacheView>(CacheView{
        .name = std::move(options.name),
        .prefix = std::move(options.key_prefix),
        .version = options.version,
        .timeout = options.timeout,
        .key_function = options.key_function,
        .key_policy = options.key_policy,
        .key_warnings = options.key_warnings,
        .ignore_errors = options.ignore_errors,
        .mismatch_is_miss = options.mismatch_is_miss,
        .clear_allowed = options.clear_allowed,
        .load_rules = detail::load_rules_of(options),
        .executor = std::move(options.executor),
    });
}

Cache::Cache(std::shared_ptr<detail::CacheCore> core, CacheView view)
    : core_(std::move(core)), view_(std::make_shared<const CacheView>(std::move(view))) {}

// ---- views

Cache Cache::with_prefix(std::string prefix) const {
    check_prefix(prefix);
    CacheView view = *view_;
    view.prefix = std::move(prefix);
    return {core_, std::move(view)};
}

Cache Cache::with_version(std::uint32_t version) const {
    CacheView view = *view_;
    view.version = version;
    return {core_, std::move(view)};
}

Cache Cache::with_timeout(Lifetime timeout) const {
    CacheView view = *view_;
    view.timeout = timeout;
    return {core_, std::move(view)};
}

Cache Cache::with_executor(std::shared_ptr<Executor> executor) const {
    CacheView view = *view_;
    view.executor = std::move(executor);
    return {core_, std::move(view)};
}

Cache Cache::bypass() const {
    CacheView view = *view_;
    view.bypass = true;
    return {core_, std::move(view)};
}

Cache Cache::with_name(std::string_view name) const {
    CacheView view = *view_;
    view.name = name;
    return {core_, std::move(view)};
}

Cache Cache::quietly() const {
    if (view_->key_warnings != KeyWarnings::warn) return *this;
    CacheView view = *view_;
    view.key_warnings = KeyWarnings::ignore;
    return {core_, std::move(view)};
}

bool Cache::is_bypass() const noexcept { return view_->bypass; }

// ---- about the cache

std::string Cache::final_key(std::string_view key) const { return view_->final_key(key); }
const std::string& Cache::name() const noexcept { return view_->name; }
const std::string& Cache::prefix() const noexcept { return view_->prefix; }
std::uint32_t Cache::version() const noexcept { return view_->version; }
Lifetime Cache::timeout() const noexcept { return view_->timeout; }
const Capabilities& Cache::capabilities() const noexcept { return backend().capabilities(); }
const Clock& Cache::clock() const noexcept { return core_->clock(); }
const std::vector<std::string>& Cache::warnings() const noexcept { return view_->warnings; }
Backend& Cache::backend() const noexcept { return core_->backend(); }

Statistics Cache::statistics() const noexcept { return core_->statistics(); }
std::vector<ModelStatistics> Cache::model_statistics() const { return core_->model_statistics(); }
DecodedUsage Cache::decoded_usage() const noexcept {
    return core_->decoded() ? core_->decoded()->usage() : DecodedUsage{};
}
Latencies Cache::latencies() const noexcept { return core_->latencies.read(); }
std::size_t Cache::loads_under_way() const noexcept { return core_->running_loads.count(); }
void Cache::observe(std::shared_ptr<Observer> observer) const {
    core_->observe(std::move(observer));
}

bool operator==(const Cache& a, const Cache& b) noexcept {
    const auto identity = [](const CacheView& view) {
        return std::tie(view.prefix, view.version, view.key_function, view.bypass);
    };
    return a.core_ == b.core_ && (a.view_ == b.view_ || identity(*a.view_) == identity(*b.view_));
}

// ---- the whole cache

bool Cache::clear() const {
    if (!view_->clear_allowed) {
        throw ConfigError("clear is forbidden for this cache: it was opened with clear=forbid");
    }
    core_->supersede_all({});
    try {
        core_->clear(*view_);
        return true;
    } catch (const BackendError& error) {
        if (!core_->ignores(*view_, Operation::clear, Failure{std::current_exception()})) throw;
        return false;
    }
}

std::size_t Cache::clear_prefix() const {
    if (!detail::keeps_prefix(view_->key_function)) {
        throw BackendError(BackendFault::unsupported,
                           "clear_prefix cannot tell which keys a key function of one's own makes");
    }
    class KeyKeeper final : public KeySink {
     public:
        void key(std::string_view key) override { list.add(key); }
        detail::KeyList list;
    } keeper;
    const std::string head = view_->prefix + ':';
    core_->supersede_all(head);
    try {
        core_->list_keys(*view_, head, keeper);
    } catch (const BackendError&) {
        if (!core_->ignores(*view_, Operation::list_keys, Failure{std::current_exception()})) throw;
        return 0;
    }
    const auto keys = keeper.list.views();
    std::vector<Outcome> outcomes(keys.size());
    constexpr std::size_t batch = 1000;
    for (std::size_t begin = 0; begin < keys.size(); begin += batch) {
        const auto size = std::min(batch, keys.size() - begin);
        core_->remove_many(*view_, std::span{keys}.subspan(begin, size),
                           std::span{outcomes}.subspan(begin, size));
    }
    // Of what is decoded the backend may have dropped the entry, and has not listed it.
    if (auto* const decoded = core_->decoded()) decoded->change_all();
    const auto failed = std::ranges::find_if(outcomes, &Outcome::failed);
    if (failed != outcomes.end() && !core_->ignores(*view_, Operation::remove, failed->failure())) {
        failed->failure().rethrow();
    }
    return static_cast<std::size_t>(std::ranges::count_if(outcomes, &Outcome::done));
}

void Cache::close() const noexcept { backend().close(); }

// ---- bytes under keys

void Cache::read_many(std::span<const std::string_view> keys, ReadSink& sink) const {
    if (keys.empty()) return;
    if (view_->bypass) {
        for (std::size_t i = 0; i < keys.size(); ++i) sink.absent(i);
        return;
    }
    const FinalKeys final_keys{*core_, *view_, Operation::get, keys};
    core_->get_many(*view_, final_keys.views(), sink, false);
}

void Cache::store_many(Store how, std::span<const Entry> entries,
                       std::span<Outcome> outcomes) const {
    fill(outcomes, Outcome{});
    Part living;
    Part over;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        Part& part = entries[i].lifetime.is_over() ? over : living;
        part.keys.push_back(entries[i].key);
        part.places.push_back(i);
    }
    const FinalKeys final_keys{*core_, *view_, detail::operation_of(how), living.keys};
    // What lives no longer is removed instead, where it would have replaced what is there.
    if (how != Store::set) {
        const FinalKeys only_checked{*core_, *view_, detail::operation_of(how), over.keys};
        for (const auto place : over.places) outcomes[place] = Outcome::declined_by_backend();
    } else if (!over.keys.empty()) {
        std::vector<Outcome> removed(over.keys.size());
        remove_many(over.keys, removed);
        for (std::size_t i = 0; i < removed.size(); ++i) {
            if (removed[i].failed()) outcomes[over.places[i]] = std::move(removed[i]);
        }
    }
    if (living.keys.empty() || view_->bypass) return;
    std::vector<Entry> to_store;
    to_store.reserve(living.keys.size());
    for (std::size_t i = 0; i < living.keys.size(); ++i) {
        Entry& entry = to_store.emplace_back(entries[living.places[i]]);
        entry.key = final_keys.views()[i];
    }
    std::vector<Outcome> stored(to_store.size());
    core_->store_many(*view_, how, to_store, stored);
    for (std::size_t i = 0; i < stored.size(); ++i) {
        outcomes[living.places[i]] = std::move(stored[i]);
    }
}

void Cache::remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) const {
    fill(outcomes, Outcome{});
    if (keys.empty()) return;
    const FinalKeys final_keys{*core_, *view_, Operation::remove, keys};
    core_->supersede_values(final_keys.views());
    core_->remove_many(*view_, final_keys.views(), outcomes);
}

void Cache::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                       std::span<Outcome> outcomes) const {
    if (lifetime.is_over()) return remove_many(keys, outcomes);
    fill(outcomes, view_->bypass ? Outcome::declined_by_backend() : Outcome{});
    if (keys.empty() || view_->bypass) return;
    const FinalKeys final_keys{*core_, *view_, Operation::touch, keys};
    core_->touch_many(*view_, final_keys.views(), lifetime, outcomes);
}

}  // namespace cachemodel

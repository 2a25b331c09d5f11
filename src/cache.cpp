// cachemodel: a backend with the rules that all backends share.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/schemes.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include "claimed_names.hpp"
#include "counters.hpp"
#include "flights.hpp"

namespace cachemodel {

namespace {

constexpr std::size_t longest_prefix = 40;

void check_prefix(std::string_view prefix) {
    const auto is_wrong = [](char c) { return c <= 0x20 || c >= 0x7f || c == ':'; };
    const bool wrong = std::any_of(prefix.begin(), prefix.end(), is_wrong);
    if (!wrong && prefix.size() <= longest_prefix) return;
    throw ConfigError("key_prefix: \"" + std::string{prefix} +
                      "\" is not at most 40 bytes of visible ASCII without a colon");
}

/// Passes a read on and counts what could not be told.
class CountingSink final : public ReadSink {
 public:
    CountingSink(ReadSink& next, detail::Counter& failures) : next_(next), failures_(failures) {}

    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override {
        next_.found(index, value, token);
    }
    void absent(std::size_t index) noexcept override { next_.absent(index); }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        failures_ += 1;
        next_.failed(index, failure);
    }

 private:
    ReadSink& next_;
    detail::Counter& failures_;
};

/// The keys of a call as the backend sees them, in one piece of memory.
class FinalKeys {
 public:
    FinalKeys(std::string_view head, std::span<const std::string_view> keys) {
        std::size_t size = 0;
        for (const auto key : keys) size += head.size() + key.size();
        text_.reserve(size);  // so that it stays where it is
        views_.reserve(keys.size());
        for (const auto key : keys) {
            const auto start = text_.size();
            text_.append(head).append(key);
            views_.push_back(std::string_view{text_}.substr(start));
        }
    }
    FinalKeys(const FinalKeys&) = delete;
    FinalKeys& operator=(const FinalKeys&) = delete;

    std::span<const std::string_view> views() const noexcept { return views_; }

 private:
    std::string text_;
    std::vector<std::string_view> views_;
};

/// Some keys of a call, and which ones of it.
struct Part {
    std::vector<std::string_view> keys;
    std::vector<std::size_t> places;
};

void fill(std::span<Outcome> outcomes, const Outcome& outcome) {
    std::fill(outcomes.begin(), outcomes.end(), outcome);
}

}  // namespace

struct Cache::Shared {
    Shared(std::shared_ptr<Backend> backend_, const Clock& clock_)
        : backend(std::move(backend_)), clock(clock_) {}

    std::shared_ptr<Backend> backend;
    const Clock& clock;
    detail::Counters counters;
    detail::Flights flights;
    detail::ClaimedNames names;
};

Cache Cache::open(std::string_view url, const Clock& clock) {
    auto parsed = CacheUrl::parse(url);
    CacheOptions options{.key_prefix = parsed.take_text("key_prefix", ""), .clock = clock};
    options.version = static_cast<std::uint32_t>(
        parsed.take_integer("version", 1, 1, std::numeric_limits<std::uint32_t>::max()));
    auto backend = find_scheme(parsed.scheme())(parsed, clock);
    parsed.expect_all_taken();
    return Cache{std::move(backend), std::move(options)};
}

Cache::Cache(std::shared_ptr<Backend> backend, CacheOptions options)
    : shared_(std::make_shared<Shared>(std::move(backend), options.clock)),
      prefix_(std::move(options.key_prefix)),
      version_(options.version) {
    if (!shared_->backend) throw ConfigError("a cache needs a backend");
    check_prefix(prefix_);
}

Cache Cache::with_prefix(std::string prefix) const {
    check_prefix(prefix);
    Cache view = *this;
    view.prefix_ = std::move(prefix);
    return view;
}

Cache Cache::with_version(std::uint32_t version) const {
    Cache view = *this;
    view.version_ = version;
    return view;
}

Cache Cache::bypass() const {
    Cache view = *this;
    view.bypass_ = true;
    return view;
}

std::string Cache::final_key(std::string_view key) const { return key_head().append(key); }

std::string Cache::key_head() const { return prefix_ + ':' + std::to_string(version_) + ':'; }

const Capabilities& Cache::capabilities() const noexcept {
    return shared_->backend->capabilities();
}
const Clock& Cache::clock() const noexcept { return shared_->clock; }
detail::Counters& Cache::counters() const noexcept { return shared_->counters; }
detail::Flights& Cache::flights() const noexcept { return shared_->flights; }
detail::ClaimedNames& Cache::names() const noexcept { return shared_->names; }

Statistics Cache::statistics() const noexcept { return shared_->counters.read(); }

void Cache::clear() const {
    shared_->counters.round_trips += 1;
    shared_->backend->clear();
}

void Cache::close() const noexcept { shared_->backend->close(); }

void Cache::read_many(std::span<const std::string_view> keys, ReadSink& sink) const {
    if (keys.empty()) return;
    if (bypass_) {
        for (std::size_t i = 0; i < keys.size(); ++i) sink.absent(i);
        return;
    }
    const FinalKeys final_keys{key_head(), keys};
    CountingSink counting{sink, shared_->counters.read_failures};
    shared_->counters.round_trips += 1;
    shared_->backend->get_many(final_keys.views(), counting);
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
    // What lives no longer is removed instead, where it would have replaced what is there.
    if (how != Store::set) {
        for (const auto place : over.places) outcomes[place] = Outcome::declined_by_backend();
    } else if (!over.keys.empty()) {
        std::vector<Outcome> removed(over.keys.size());
        remove_many(over.keys, removed);
        for (std::size_t i = 0; i < removed.size(); ++i) {
            if (removed[i].failed()) outcomes[over.places[i]] = std::move(removed[i]);
        }
    }
    if (living.keys.empty() || bypass_) return;
    const FinalKeys final_keys{key_head(), living.keys};
    std::vector<Entry> to_store;
    to_store.reserve(living.keys.size());
    for (std::size_t i = 0; i < living.keys.size(); ++i) {
        Entry& entry = to_store.emplace_back(entries[living.places[i]]);
        entry.key = final_keys.views()[i];
    }
    std::vector<Outcome> stored(to_store.size());
    shared_->counters.round_trips += 1;
    shared_->backend->store_many(how, to_store, stored);
    for (std::size_t i = 0; i < stored.size(); ++i) {
        if (stored[i].done()) shared_->counters.stores += 1;
        if (stored[i].failed()) shared_->counters.store_failures += 1;
        outcomes[living.places[i]] = std::move(stored[i]);
    }
}

void Cache::remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) const {
    fill(outcomes, Outcome{});
    if (keys.empty()) return;
    const FinalKeys final_keys{key_head(), keys};
    shared_->counters.round_trips += 1;
    shared_->backend->remove_many(final_keys.views(), outcomes);
    for (const auto& outcome : outcomes) {
        if (outcome.done()) shared_->counters.removals += 1;
    }
}

void Cache::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                       std::span<Outcome> outcomes) const {
    if (lifetime.is_over()) return remove_many(keys, outcomes);
    fill(outcomes, bypass_ ? Outcome::declined_by_backend() : Outcome{});
    if (keys.empty() || bypass_) return;
    const FinalKeys final_keys{key_head(), keys};
    shared_->counters.round_trips += 1;
    shared_->backend->touch_many(final_keys.views(), lifetime, outcomes);
}

bool operator==(const Cache& a, const Cache& b) noexcept {
    return a.shared_ == b.shared_ && a.prefix_ == b.prefix_ && a.version_ == b.version_ &&
           a.bypass_ == b.bypass_;
}

}  // namespace cachemodel

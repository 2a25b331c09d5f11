// cachemodel: looks at one entry, and tells what a reader makes of it.
// SPDX-License-Identifier: MIT
#include "explanations.hpp"

#include <cachemodel/detail/engine.hpp>

#include <exception>
#include <utility>

#include "cache_core.hpp"
#include "counter_text.hpp"
#include "entries.hpp"
#include "freshness.hpp"
#include "load_job.hpp"
#include "model_entries.hpp"
#include "shown_text.hpp"

namespace cachemodel::detail {

namespace {

/// What a look at one key sees.
class Sight final : public ReadSink {
 public:
    Sight(const Cache& cache, std::string_view final_key) {
        cache.backend().peek_many({&final_key, 1}, *this);
    }

    std::optional<std::string> bytes;
    std::optional<MissReason> unusable_for;
    std::optional<Failure> failure;

 private:
    void found(std::size_t, std::string_view value, std::uint64_t) noexcept override {
        try {
            bytes = value;
        } catch (...) {
            failure = Failure{std::current_exception()};
        }
    }
    void absent(std::size_t) noexcept override {}
    void unusable(std::size_t, MissReason reason) noexcept override { unusable_for = reason; }
    void failed(std::size_t, const Failure& why) noexcept override { failure = why; }
};

/// Not between quotes: keys of models have some.
std::string shown(std::string_view key) { return shown_text(key, 250, " \\"); }

EntryState state_of(const FoundEntry& standing, Freshness freshness) noexcept {
    switch (freshness) {
        case Freshness::fresh:
        case Freshness::early:
            return EntryState::fresh;
        case Freshness::stale:
        case Freshness::being_refreshed:
            return EntryState::stale;
        case Freshness::fallback:
            return EntryState::fallback;
        case Freshness::known_missing:
            return EntryState::known_missing;
        case Freshness::none:
            break;
    }
    switch (standing.reason) {
        case MissReason::expired:
            return EntryState::expired;
        case MissReason::removed:
            return EntryState::removed;
        case MissReason::being_loaded:
            return EntryState::being_loaded;
        case MissReason::nothing_stored:
            return EntryState::abandoned;
        default:
            return EntryState::unusable;
    }
}

/// Looks at one entry for somebody.
class Explaining {
 public:
    Explaining(const Cache& cache, const EntryKey& key, const Reader& reader)
        : cache_(cache), key_(key), reader_(reader) {}

    Explanation explain() {
        const std::string_view stored = key_.stored;
        const Cache quiet = cache_.quietly();
        const FinalKeys final_keys{quiet.core(), quiet.view(), Operation::peek, {&stored, 1}};
        final_key_ = final_keys.views().front();
        told_.key = shown(stored);
        told_.final_key = shown(final_key_);
        told_.has_loader = reader_.has_loader;
        told_.is_bypass = cache_.is_bypass();
        told_.waits_for_lease = reader_.has_loader && uses_leases(cache_, reader_.rules);
        told_.now = wall_time(cache_);
        const Sight sight{cache_, final_key_};
        tell_server();
        if (sight.failure) {
            told_.state = EntryState::unknown;
            told_.failure = sight.failure;
        } else if (sight.unusable_for) {
            told_.state = EntryState::unusable;
            told_.reason = *sight.unusable_for;
        } else if (sight.bytes) {
            told_.size = sight.bytes->size();
            look(*sight.bytes);
        }
        tell_load_failure();
        return std::move(told_);
    }

 private:
    void look(std::string_view bytes) {
        if (reader_.takes_counters && parse_counter(bytes).is_integer) {
            told_.state = EntryState::counter;
            return tell_end_by_backend(told_.fresh_until);
        }
        FoundEntry standing = look_at(cache_, bytes, key_.in_envelope());
        // A model's or a call's, whose key was given to the cache.
        if (standing.reason == MissReason::other_key && reader_.takes_counters) {
            const FoundEntry of_model = look_at(cache_, bytes, key_.stored);
            if (of_model.reason != MissReason::other_key) standing = of_model;
        }
        LoadRules rules = reader_.rules;
        rules.early_refresh = 0;  // which is left to chance
        told_.state = state_of(standing, freshness(cache_, standing, rules));
        told_.reason = standing.reason;
        if (!standing.entry) return;
        tell_envelope(standing);
        if (!standing.is_value() || !reader_.decode) return;
        const auto problem = reader_.decode(*standing.entry);
        if (!problem) return;
        told_.state = EntryState::unusable;
        told_.reason = *problem;
        told_.refresh_chance = 0;
    }

    void tell_envelope(const FoundEntry& standing) {
        const Envelope& envelope = standing.entry->envelope;
        told_.written_at = envelope.written_at;
        told_.load_cost = envelope.load_cost;
        const bool is_answer = standing.is_value() || envelope.is_known_missing;
        auto& end = is_answer ? told_.fresh_until : told_.kept_until;
        end = envelope.fresh_until;
        const bool is_leased = envelope.lease && wall_time(cache_) < envelope.lease->until;
        if (is_leased) told_.leased_until = envelope.lease->until;
        if (!end) return tell_end_by_backend(end);
        if (!standing.is_value()) return;
        told_.served_until = end_of(reader_.rules.stale_while_refresh, *envelope.fresh_until);
        told_.fallback_until = end_of(reader_.rules.stale_if_error, *envelope.fresh_until);
        if (told_.state == EntryState::fresh && !told_.is_bypass) {
            told_.refresh_chance = chance_of_early_refresh(cache_, envelope, reader_.rules);
        }
    }

    static std::optional<Explanation::Time> end_of(Lifetime window, WallTime fresh_until) {
        if (window.is_over()) return std::nullopt;
        constexpr auto for_ever = Explanation::Time::max();
        const auto length = std::chrono::ceil<std::chrono::milliseconds>(window.duration());
        const bool has_end = !window.is_never() && fresh_until < for_ever - length;
        return has_end ? detail::fresh_until(window, fresh_until) : for_ever;
    }

    void tell_end_by_backend(std::optional<Explanation::Time>& end) {
        if (!cache_.capabilities().tells_lifetimes) return;
        Lifetime left;
        if (!cache_.backend().remaining_lifetime(final_key_, left).done() || left.is_never())
            return;
        end = detail::fresh_until(left, wall_time(cache_));
    }

    void tell_server() {
        const auto servers = cache_.backend().servers();
        const std::size_t index = cache_.backend().server_of(final_key_);
        if (index >= servers.size()) return;
        told_.server = servers[index].name;
        told_.is_server_down = servers[index].is_down;
    }

    void tell_load_failure() {
        if (!reader_.has_loader) return;
        const bool is_value = told_.state == EntryState::fresh || told_.state == EntryState::stale;
        std::exception_ptr error = last_failure(reader_.flight_key);
        if (!error && is_value) error = last_failure(completion_key(reader_.flight_key));
        if (!error) return;
        told_.load_failure = Failure{std::move(error)};
        told_.refresh_chance = 0;
    }

    std::exception_ptr last_failure(const std::string& flight_key) {
        return cache_.core().load_backoff.find(flight_key, cache_.clock().steady());
    }

    const Cache& cache_;
    const EntryKey& key_;
    const Reader& reader_;
    std::string final_key_;
    Explanation told_;
};

}  // namespace

Explanation explain_entry(const Cache& cache, const EntryKey& key, const Reader& reader) {
    return Explaining{cache, key, reader}.explain();
}

Explanation explain_model(const Door& door, const ModelTable& table, const void* object,
                          std::string_view key_bytes) {
    const EntryKey key = make_model_key(table, object);
    Reader reader{.rules = rules_of(door, table),
                  .has_loader = door.has_source,
                  .flight_key = door.cache.final_key(key.in_envelope())};
    reader.decode = [&](const OpenedEntry& entry) {
        const AnyModel copy{table};
        std::optional<GraphHandle> graph;
        if (!table.references.empty()) graph.emplace();
        const auto problem = decode_entry(entry, [&](CborReader& from) {
            from.graph = graph ? &**graph : nullptr;
            from.references_own_graph = true;
            from.every_member_required = door.has_source;
            return decode_members(from, copy.get(), table.members);
        });
        if (graph) (*graph)->end_loading();
        return problem;
    };
    Explanation told = explain_entry(door.cache, key, reader);
    const auto left = decoded_left(door.cache, table, door.depth, key_bytes);
    if (left) {
        told.decoded_until =
            left->is_never() ? Explanation::Time::max() : fresh_until(*left, told.now);
    }
    return told;
}

}  // namespace cachemodel::detail

// cachemodel: how `Cache::get_or_set` makes a value once for all who ask for it.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>
#include <cachemodel/detail/value_maker.hpp>
#include <cachemodel/detail/values.hpp>

#include <optional>
#include <utility>

#include "cache_core.hpp"
#include "entries.hpp"
#include "flights.hpp"
#include "load_job.hpp"
#include "load_limit.hpp"

namespace cachemodel::detail {

namespace {

/// Counts and times a load, however it ends.
class Timed {
 public:
    explicit Timed(CacheCore& core)
        : core_(core), running_(core.running_loads), began_(core.clock().steady()) {}
    ~Timed() { core_.latencies.loads.add(core_.clock().steady() - began_); }
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;

 private:
    CacheCore& core_;
    const RunningLoads::Run running_;
    const SteadyTime began_;
};

/// One call of `get_or_set`.
class GetOrMake {
 public:
    GetOrMake(const Cache& cache, const ValueTable& table, std::string_view key, Lifetime lifetime,
              ValueMaker& maker, void* hit)
        : cache_(cache),
          core_(cache.core()),
          table_(table),
          key_(value_key(cache, key)),
          lifetime_(lifetime),
          maker_(maker),
          hit_(hit) {}

    std::shared_ptr<const void> answer() {
        if (cache_.is_bypass()) return make();
        const auto runway = Flights::runway(key_.full);
        const auto landings = core_.value_flights.landings(runway);
        if (read(hit_)) return nullptr;

        auto boarding = core_.value_flights.board(key_.full, *table_.type, {.now = now()});
        if (!boarding.leads) return join(std::move(boarding.flight));
        Flights::Lead leading{core_.value_flights, std::move(boarding.flight), runway};
        // Somebody may have stored it since the look into the cache.
        std::shared_ptr<const void> value;
        if (core_.value_flights.landings(runway) != landings) value = look_again();
        if (!value) value = lead(leading);
        leading.give(value, SteadyTime::max());
        return value;
    }

 private:
    /// Whether the value was found. Errors: `TypeMismatch`.
    bool read(void* value) {
        const ValueAnswer nothing = read_value(cache_, table_, key_.stored, value);
        if (!nothing) return true;
        is_readable_ = !nothing->failure;
        reason_ = nothing->reason;
        if (nothing->failure && !nothing->failure->fault()) nothing->failure->rethrow();
        cache_ = cache_.quietly();  // the key has been reported
        return false;
    }

    /// Null where nothing is there. Errors: `TypeMismatch`.
    std::shared_ptr<const void> look_again() {
        const auto value = table_.make();
        return read(value.get()) ? value : nullptr;
    }

    /// Errors: what the maker throws; `BackendError` where too much is made without the cache.
    std::shared_ptr<const void> make() {
        std::optional<LoadLimit::Place> place;
        if (!is_readable_) {
            const CacheView& view = cache_.view();
            place.emplace(core_.load_limit, deadline_in(view.load_rules.lease_wait));
            if (!place->is_given()) {
                core_.counters.refused_loads += 1;
                if (!view.ignore_errors) std::rethrow_exception(core_.load_limit.refusal());
            }
        }
        const Timed timed{core_};
        try {
            auto value = maker_.make();
            core_.counters.loads += 1;
            return value;
        } catch (...) {
            core_.counters.load_failures += 1;
            core_.tell_failed_load(cache_.view(), key_.stored, std::current_exception());
            throw;
        }
    }

    /// Errors: as `make`.
    std::shared_ptr<const void> lead(Flights::Lead& leading) {
        try {
            auto value = make();
            if (maker_.keeps_out(value.get())) {
                core_.counters.kept_out += 1;
            } else if (is_readable_ && !lifetime_.is_over()) {
                // What could not be read is not written: something newer may be there.
                if (auto stored_by_another = store(value.get(), leading)) return stored_by_another;
            }
            return value;
        } catch (...) {
            leading.fail(std::current_exception());
            throw;
        }
    }

    std::shared_ptr<const void> join(std::shared_ptr<Flight> flight) {
        const Passage passage{std::move(flight), *table_.type};
        switch (passage.kind()) {
            case Passage::Kind::given:
                core_.counters.joined += 1;
                return passage.result();
            case Passage::Kind::failed:
                std::rethrow_exception(passage.error());
            case Passage::Kind::entered:
            case Passage::Kind::too_deep:
                throw RecursiveLoad("to make the value of " + shown_key(key_.stored) +
                                    " it is needed itself");
            case Passage::Kind::alone:
            case Passage::Kind::late:
                break;
        }
        return make();
    }

    /// What somebody else has stored meanwhile, if so. Never fails the call: what goes wrong is
    /// counted.
    std::shared_ptr<const void> store(const void* value, Flights::Lead& leading) noexcept {
        try {
            ValueWriter writer{cache_, lifetime_};
            writer.add_untyped(key_.stored, table_, value);
            const ToldLater told_later{core_};
            if (!leading.begin_storing()) return overtaken();
            const EndOfStoring end{leading};
            // What is there and cannot be used would keep an addition out.
            const bool is_free =
                reason_ == MissReason::nothing_stored || reason_ == MissReason::expired;
            const auto how = is_free ? Store::add : Store::set;
            const auto outcome = store_entries(cache_, how, writer.entries()).front();
            leading.end_storing();
            if (outcome.declined()) return overtaken();
            if (outcome.failed()) {
                (void)core_.ignores(cache_.view(), operation_of(how), outcome.failure());
            }
        } catch (...) {  // a converter of the user's, no memory, another type under the key
            core_.counters.store_failures += 1;
        }
        return nullptr;
    }

    /// Something was stored or removed since the value began to be made. Errors: `TypeMismatch`.
    std::shared_ptr<const void> overtaken() {
        core_.counters.overtaken_loads += 1;
        return look_again();
    }

    SteadyTime now() const { return cache_.clock().steady(); }

    Cache cache_;
    CacheCore& core_;
    const ValueTable& table_;
    const EntryKey key_;
    const Lifetime lifetime_;
    ValueMaker& maker_;
    void* const hit_;
    bool is_readable_ = true;  ///< the cache
    MissReason reason_ = MissReason::nothing_stored;
};

}  // namespace

std::shared_ptr<const void> get_or_make_value(const Cache& cache, const ValueTable& table,
                                              std::string_view key, Lifetime lifetime,
                                              ValueMaker& maker, void* hit) {
    return GetOrMake{cache, table, key, lifetime, maker, hit}.answer();
}

}  // namespace cachemodel::detail

// cachemodel: loads keys, in the caller's thread or in another one, and stores what came.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/detail/load_terms.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "counters.hpp"
#include "entries.hpp"
#include "flights.hpp"
#include "freshness.hpp"
#include "running_loads.hpp"

namespace cachemodel::detail {

/// A wait ends by the machine's clock, whatever clock a cache goes by.
SteadyTime deadline_in(Lifetime lifetime);

/// Under which a failed second step is remembered.
std::string completion_key(const std::string& flight_key);

/// What is loaded under one key, and how far it has come.
struct KeyLoad {
    enum class State : std::uint8_t {
        pending,
        found,    ///< by the loader
        taken,    ///< somebody else has stored it meanwhile
        missing,  ///< the source has none
        failed,   ///< the loader threw
        left,     ///< somebody else loads it
    };

    EntryKey key;
    Basis basis;
    std::string flight_key;
    void* place = nullptr;  ///< where the kind of load that it is puts what comes
    /// None where others load the same, and cannot be waited for: no lease is taken either.
    std::optional<Flights::Lead> lead = {};
    /// The entry of a value that is there, which stays while this is loaded.
    std::string standing = {};
    bool has_fallback = false;  ///< whoever waits would rather take a stale value than wait long
    bool look_again = false;    ///< a load of the same has ended since it was read

    State state = State::pending;
    SteadyTime began = {};  ///< when the loader was called, for its last step
    std::optional<SteadyTime> first_began = {};
    std::chrono::nanoseconds cost{0};  ///< how long it took
    std::exception_ptr error = {};
    /// What those get who wait for this load; null where it cannot be handed on.
    std::shared_ptr<const void> product = {};
    bool is_leased = false;           ///< by this load
    bool was_leased = false;          ///< at any time
    bool is_leased_by_other = false;  ///< by somebody else, when it was last looked at
    bool is_unleasable = false;       ///< the cache took no lease, or did not keep it
    /// What is to be stored, and when it was made.
    std::shared_ptr<const PreparedEntry> entry = {};
    SteadyTime made_at = {};
    /// Of its leases over what is no value; none for one that follows on what was there.
    std::optional<std::uint64_t> epoch = {};
    bool is_stored = false;
    bool is_partial = false;  ///< what is found is handed on, and is to be completed
};

/// Loads keys of one loader together: takes leases where other processes may load the same, runs
/// the loader, hands its results on and stores them, unless something newer is there.
///
/// Thread safety: of the thread that runs it.
class LoadJob {
 public:
    /// Made as soon as the keys have been read.
    LoadJob(Cache cache, const LoadRules& rules, Counters& own);
    LoadJob(const LoadJob&) = delete;
    LoadJob& operator=(const LoadJob&) = delete;
    virtual ~LoadJob() = default;

    /// Before it runs.
    KeyLoad& add(KeyLoad load);
    std::size_t size() const noexcept { return loads_.size(); }
    KeyLoad& operator[](std::size_t index) noexcept { return *loads_[index]; }
    const Cache& cache() const noexcept { return cache_; }

    /// That it is run in the background. Nobody waits for it, unless `is_awaited`: where another
    /// process is loading, it leaves that key alone. Errors: `std::bad_alloc`.
    void become_task(bool is_awaited);
    /// Does not load what there is a stale value for. Before it runs.
    void leave_to_fallback() noexcept;
    /// In the caller's thread. Errors: `std::bad_alloc`.
    void run();

    /// The same step by step, each in any thread that has begun with `lead`. False where something
    /// is still to be waited for, which the next step does. Errors: `std::bad_alloc`,
    /// `TooManyObjects`.
    bool advance();
    /// Leads its flights in this thread.
    void lead() noexcept;
    /// Leaves them to another thread.
    void pause() noexcept;

    /// What is found, and is still to be completed and stored, as a job for another thread; null
    /// where there is none. Errors: `std::bad_alloc`.
    std::unique_ptr<LoadJob> take_rest();
    /// Gives back what leases it has, as it is not going to run.
    void give_up() noexcept { release_leases(Released::all); }
    /// That what is found in part is completed by this very job, before it runs in the caller's
    /// thread.
    void complete_here() noexcept { completes_ = true; }
    /// Instead of running: loads whatever is there, whoever has promised to load it, and stores
    /// what comes over nothing newer. The leads are left to whoever has the job; what has none is
    /// only loaded. Errors: `std::bad_alloc`.
    void refresh();

 protected:
    const LoadRules& rules() const noexcept { return rules_; }

    /// Loads these, and says of each by `found`, `missing` or `failed` what came of it, as soon as
    /// it is known.
    virtual void load(std::span<KeyLoad* const> wanted) = 0;
    /// Completes what was found in part, and says so by `completed` or `failed`.
    virtual void complete(KeyLoad&) {}
    /// A job of the same kind, without keys, that completes.
    virtual std::unique_ptr<LoadJob> make_successor() { return nullptr; }
    /// Takes over what a key of another job of this kind needs.
    virtual void adopt(KeyLoad&) {}
    /// Somebody else has stored this. The product; null where it is of no use.
    virtual std::shared_ptr<const void> take(KeyLoad& load, const OpenedEntry& entry) = 0;
    /// For those who wait for what the source does not have.
    virtual std::shared_ptr<const void> missing_product(const KeyLoad&) { return nullptr; }
    /// Whether what is loaded counts as what its model or function has supplied and stored.
    virtual bool is_counted() const noexcept { return true; }
    virtual void count_round_trip() noexcept {}
    /// These have been stored. Errors: whatever goes wrong; it is of no consequence.
    virtual void follow_up(std::span<KeyLoad* const> /*stored*/) {}

    /// The loader is at work on these for as long as this is there, and that is what they cost.
    class Run {
     public:
        Run(LoadJob& job, std::span<KeyLoad* const> loads) noexcept;
        ~Run();
        Run(const Run&) = delete;
        Run& operator=(const Run&) = delete;

     private:
        LoadJob& job_;
        const std::span<KeyLoad* const> loads_;
        const RunningLoads::Run running_;
    };

    /// What was slow is not held while the next one is loaded, which may be slow, too. Its flight
    /// ends.
    void store_if_slow(const KeyLoad& load);
    /// How a result of now is to be stored.
    EntryLife life(const KeyLoad& load) const;

    void found(KeyLoad& load, std::shared_ptr<const void> product,
               std::shared_ptr<const PreparedEntry> entry);
    /// Found in part: handed on, to be completed before it is stored.
    void found_in_part(KeyLoad& load, std::shared_ptr<const void> product);
    void completed(KeyLoad& load, std::shared_ptr<const PreparedEntry> entry);
    void missing(KeyLoad& load);
    /// Found, and not to be stored; nor is what is there to be kept.
    void kept_out(KeyLoad& load, std::shared_ptr<const void> product);
    void failed(KeyLoad& load, std::exception_ptr error);
    /// The loader did not fail, and yet there is no result.
    void spoiled(KeyLoad& load, std::exception_ptr error);

    void count(Counter Counters::*counter) const noexcept;

 private:
    class Look;
    class SecondLook;

    SteadyTime now() const noexcept { return cache_.clock().steady(); }

    void start();
    void load_and_store(std::vector<KeyLoad*> wanted);
    void load_within_limit(std::vector<KeyLoad*> wanted);
    void complete_or_leave(KeyLoad& load);
    void finish_what_came();
    void settle();

    // What others are loading.
    bool is_settled(const KeyLoad& load) const noexcept;
    std::vector<KeyLoad*> take_settled();
    std::uint64_t new_chain() const noexcept;
    void claim(std::span<KeyLoad* const> open);
    void look_and_claim(std::vector<KeyLoad*> open);
    void look(std::span<KeyLoad* const> open);
    void look_at_one(KeyLoad& load, std::string_view bytes, std::uint64_t token);
    enum class Released : std::uint8_t { of_what_is_done, all };
    void release_leases(Released which) noexcept;

    // What came.
    PreparedEntry removal_of(const KeyLoad& load) const;
    void accept(KeyLoad& load, std::shared_ptr<const void> product);
    void give(KeyLoad& load);
    void keep(KeyLoad& load, std::shared_ptr<const PreparedEntry> entry);
    void store_what_came();
    void store(Store how, std::span<KeyLoad* const> loads);
    bool is_to_be_stored(const KeyLoad& load) const noexcept;
    bool has_gone(const KeyLoad& load) const;
    struct Sent;
    void add_where_gone(Sent& sent);
    void store_over_leases(Sent& sent);
    void remove_where_no_room(const Sent& sent);

    Cache cache_;
    const LoadRules rules_;
    Counters& own_;
    bool is_awaited_ = true;
    bool is_task_ = false;
    bool completes_ = false;
    bool is_refresh_ = false;
    std::vector<std::unique_ptr<KeyLoad>> loads_;
    std::vector<KeyLoad*> to_store_;

    bool is_started_ = false;
    bool uses_leases_ = false;
    bool has_claimed_ = false;
    std::uint64_t owner_ = 0;     ///< of the leases
    std::vector<KeyLoad*> open_;  ///< nobody knows yet who loads them
    SteadyTime deadline_ = {};    ///< for that
    SteadyTime next_look_ = {};
    std::chrono::nanoseconds pause_{0};
};

}  // namespace cachemodel::detail

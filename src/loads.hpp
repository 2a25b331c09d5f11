// cachemodel: leads the loads of what is not in the cache, or joins those that are under way.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/detail/load_terms.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <typeinfo>
#include <vector>

#include "flights.hpp"
#include "freshness.hpp"
#include "load_job.hpp"
#include "loans.hpp"

namespace cachemodel::detail {

/// Something that was not in the cache as it should be.
struct Wanted {
    std::size_t index;  ///< of whoever wants it
    const EntryKey& key;
    const Basis& basis;
    /// The entry of a value that is there all the same.
    const std::string& standing;
    bool has_fallback;       ///< whoever wants it can make do with that value
    std::uint64_t landings;  ///< as its flights were counted before it was read
    SteadyTime asked_at;     ///< before it was read, by the machine's clock
    /// A load of the same that cannot be taken part in, and goes on.
    std::shared_ptr<const Flight> passed_by = {};
};

/// Loads of one kind in one cache, by one loader. What they are about, those know who derive.
///
/// Thread safety: of one thread, but for what its jobs do as tasks.
class Loads {
 public:
    /// The first failure of each is its own; this throws `std::bad_alloc` only.
    void load(std::vector<Wanted> wanted);
    /// Begins to load them again; nobody waits.
    void refresh(const std::vector<Wanted>& wanted);
    /// Begins to load what was found, to compare it; nobody waits, or hears of what goes wrong.
    void verify(const std::vector<Wanted>& wanted) noexcept;

 protected:
    Loads(const Cache& cache, const LoadRules& rules, Flights& flights,
          const std::type_info& product, std::shared_ptr<Loans> loans)
        : cache_(cache),
          rules_(rules),
          flights_(flights),
          product_(product),
          loans_(std::move(loans)) {}
    ~Loads() = default;

    const Cache& cache() const noexcept { return cache_; }
    const LoadRules& rules() const noexcept { return rules_; }

    /// Whether a hit is to be verified, by chance. Draws also where none is.
    bool draws_verification() const noexcept;

    virtual std::unique_ptr<LoadJob> make_job() = 0;
    /// One that loads past the cache, and compares.
    virtual std::unique_ptr<LoadJob> make_verification() { return nullptr; }
    /// Where the job puts it; of the job's own if it is a task, and null where there can be none.
    virtual void* place(LoadJob& job, std::size_t index, bool is_task) = 0;
    /// It was loaded into its place, in this thread.
    virtual void loaded(std::size_t index, KeyLoad& load) = 0;
    /// Others have loaded it, or a task has; or the source has none.
    virtual void take(std::size_t index, const std::shared_ptr<const void>& product) = 0;
    virtual void fail(std::size_t index, std::exception_ptr error) = 0;
    /// Serves the stale value; false where there is none.
    virtual bool fall_back(std::size_t index) = 0;
    /// Whether what others have loaded, and may have begun to load before the call, is enough.
    virtual bool is_enough(std::size_t /*index*/,
                           const std::shared_ptr<const void>& /*product*/) const {
        return true;
    }
    /// Whether what is being loaded may be loaded once more inside of its own load.
    virtual bool may_reenter() const noexcept = 0;
    /// Whether nothing stale will do, nor anything that is not stored.
    virtual bool is_for_update() const noexcept { return false; }
    virtual void count(Counter Counters::*counter) noexcept = 0;

 private:
    /// What waits for a load that is under way.
    struct Joined {
        Wanted wanted;
        std::shared_ptr<Flight> flight;
        bool is_own = false;  ///< it was begun here
    };
    /// What this thread is to load.
    struct Led {
        std::unique_ptr<LoadJob> job;
        std::vector<Wanted> wanted;
    };

    Flights::Boarding board(const Wanted& wanted, const std::string& flight_key, bool leads_later);
    bool falls_back(Wanted& wanted);
    KeyLoad& add(LoadJob& job, const Wanted& wanted, std::string flight_key, void* place);
    KeyLoad& fly(LoadJob& job, const Wanted& wanted, std::string flight_key, void* place,
                 std::shared_ptr<Flight> flight);
    void verify_each(const std::vector<Wanted>& wanted);
    bool is_bounded() const noexcept;
    bool is_left_alone(const std::string& flight_key);
    bool is_backed_off(const Wanted& wanted, const std::string& flight_key);
    std::vector<Wanted> load_once(const std::vector<Wanted>& wanted, SteadyTime deadline);
    std::vector<Wanted> run_here(Led led);
    void hand_over(std::unique_ptr<LoadJob> job, bool is_awaited);
    bool collect(Wanted& wanted, KeyLoad& load);
    bool may_take(const Joined& joined) const;
    bool join(Joined& joined, SteadyTime deadline);
    bool join_to_the_end(Joined& joined, SteadyTime deadline);
    void time_out(Wanted& wanted);
    void load_alone(const Wanted& wanted);

    const Cache& cache_;
    const LoadRules& rules_;
    Flights& flights_;
    const std::type_info& product_;
    std::shared_ptr<Loans> loans_;
};

}  // namespace cachemodel::detail

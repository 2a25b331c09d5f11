// cachemodel: what is lent to loads in the background.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/lender.hpp>

#include <condition_variable>
#include <memory>

#include "at_fork.hpp"
#include "waits.hpp"

namespace cachemodel::detail {

/// Who borrows from one lender.
///
/// Thread safety: may be called concurrently.
class Loans final : AtFork {
 public:
    Loans() noexcept { join_forks(); }
    ~Loans() { leave_forks(); }

    /// One use of what is lent, by the thread that makes it; not granted where the lender is gone.
    /// Null loans are always granted.
    class Loan {
     public:
        explicit Loan(std::shared_ptr<Loans> loans) noexcept;
        ~Loan();
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;

        bool is_granted() const noexcept { return is_granted_; }

     private:
        friend class Loans;

        std::shared_ptr<Loans> loans_;
        const Thread& borrower_;
        Loan* next_ = nullptr;  ///< of those that are granted
        bool is_granted_ = true;
    };

    /// Grants nothing any more, and waits for all but those of this thread.
    void close() noexcept;

    /// Whether `is_it` is true of a thread that has borrowed. For who holds the mutex of all
    /// flights.
    template <class IsIt>
    bool any_borrower(const IsIt& is_it) const {
        const Loan* loan = first_;
        while (loan != nullptr && !is_it(loan->borrower_)) loan = loan->next_;
        return loan != nullptr;
    }

 private:
    void in_child() noexcept override;

    // Guarded by the mutex of all flights.
    Loan* first_ = nullptr;
    bool is_closed_ = false;
    std::condition_variable returned_;
};

}  // namespace cachemodel::detail

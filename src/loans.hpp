// cachemodel: what is lent to loads in the background.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/lender.hpp>

#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "at_fork.hpp"

namespace cachemodel::detail {

/// Who borrows from one lender.
///
/// Thread safety: may be called concurrently.
class Loans final : AtFork {
 public:
    Loans() noexcept { join_forks(); }
    ~Loans() { leave_forks(); }

    /// One use of what is lent; not granted where the lender is gone. Null loans are always
    /// granted.
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
        const Loan* outer_;  ///< of this thread
        bool is_granted_ = true;
    };

    /// Grants nothing any more, and waits for all but those of this thread.
    void close() noexcept;

 private:
    std::size_t of_this_thread() const noexcept;
    void in_child() noexcept override;

    std::mutex mutex_;
    std::condition_variable returned_;
    std::size_t granted_ = 0;
    bool is_closed_ = false;
};

}  // namespace cachemodel::detail

// cachemodel: what is lent to loads in the background.
// SPDX-License-Identifier: MIT
#include "loans.hpp"

#include <new>
#include <utility>

namespace cachemodel::detail {

namespace {

thread_local const Loans::Loan* innermost = nullptr;

}  // namespace

Lender::Lender() : loans_(std::make_shared<Loans>()) {}
Lender::~Lender() { loans_->close(); }

Loans::Loan::Loan(std::shared_ptr<Loans> loans) noexcept
    : loans_(std::move(loans)), outer_(std::exchange(innermost, this)) {
    if (!loans_) return;
    const std::lock_guard lock{loans_->mutex_};
    is_granted_ = !loans_->is_closed_;
    if (is_granted_) loans_->granted_ += 1;
}

Loans::Loan::~Loan() {
    innermost = outer_;
    if (!loans_ || !is_granted_) return;
    const std::lock_guard lock{loans_->mutex_};
    loans_->granted_ -= 1;
    loans_->returned_.notify_all();
}

void Loans::close() noexcept {
    std::unique_lock lock{mutex_};
    is_closed_ = true;
    returned_.wait(lock, [&] { return granted_ == of_this_thread(); });
}

std::size_t Loans::of_this_thread() const noexcept {
    std::size_t count = 0;
    for (const Loan* loan = innermost; loan != nullptr; loan = loan->outer_) {
        count += loan->loans_.get() == this && loan->is_granted_ ? 1 : 0;
    }
    return count;
}

/// What other threads borrowed, nobody here will give back.
void Loans::in_child() noexcept {
    new (&mutex_) std::mutex;
    new (&returned_) std::condition_variable;
    granted_ = of_this_thread();
}

}  // namespace cachemodel::detail

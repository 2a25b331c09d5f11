// cachemodel: what is lent to loads in the background.
// SPDX-License-Identifier: MIT
#include "loans.hpp"

#include <mutex>
#include <new>
#include <utility>

namespace cachemodel::detail {

Lender::Lender() : loans_(std::make_shared<Loans>()) {}
Lender::~Lender() { loans_->close(); }

Loans::Loan::Loan(std::shared_ptr<Loans> loans) noexcept
    : loans_(std::move(loans)), borrower_(this_thread()) {
    if (!loans_) return;
    const std::lock_guard lock{flights_mutex()};
    is_granted_ = !loans_->is_closed_;
    if (is_granted_) next_ = std::exchange(loans_->first_, this);
}

Loans::Loan::~Loan() {
    if (!loans_ || !is_granted_) return;
    const std::lock_guard lock{flights_mutex()};
    Loan** link = &loans_->first_;
    while (*link != this) link = &(*link)->next_;
    *link = next_;
    loans_->returned_.notify_all();
}

void Loans::close() noexcept {
    Thread& me = this_thread();
    std::unique_lock lock{flights_mutex()};
    is_closed_ = true;
    const auto is_over = [&] {
        return !any_borrower([&](const Thread& borrower) { return &borrower != &me; });
    };
    if (is_over()) return;
    me.closes = this;
    // Somebody who has borrowed may already wait for what only this thread can end.
    wake_those_before(me);
    returned_.wait(lock, is_over);
    me.closes = nullptr;
}

/// What other threads borrowed, nobody here will give back.
void Loans::in_child() noexcept {
    new (&returned_) std::condition_variable;
    Loan** link = &first_;
    while (*link != nullptr) {
        if (&(*link)->borrower_ == &this_thread()) {
            link = &(*link)->next_;
        } else {
            *link = (*link)->next_;
        }
    }
}

}  // namespace cachemodel::detail

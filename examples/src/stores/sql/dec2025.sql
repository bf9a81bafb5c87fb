-- The tables that a dashboard reads, in the schema of the platform of December 2025: purchases have no status.
-- Times are local times without a zone.

CREATE TABLE campaigns (
  id BIGINT NOT NULL AUTO_INCREMENT,
  name VARCHAR(255) NOT NULL,
  start_at DATETIME(6),
  end_at DATETIME(6),
  target_segment_id BIGINT,
  reward_type VARCHAR(255),
  reward_payload VARCHAR(2000),
  budget DECIMAL(38, 2),
  created_at DATETIME(6),
  updated_at DATETIME(6),
  PRIMARY KEY (id)
);

CREATE TABLE products (
  id BIGINT NOT NULL AUTO_INCREMENT,
  product_name VARCHAR(255) NOT NULL,
  stock BIGINT NOT NULL,
  price DECIMAL(38, 2) NOT NULL,
  category VARCHAR(255),
  image_url VARCHAR(255),
  brand VARCHAR(255),
  discount_rate INT,
  PRIMARY KEY (id)
);

-- status: DRAFT, ACTIVE, PAUSED, ENDED. A limit_count of NULL means no limit.
CREATE TABLE campaign_activities (
  id BIGINT NOT NULL AUTO_INCREMENT,
  campaign_id BIGINT NOT NULL,
  product_id BIGINT,
  coupon_id BIGINT,
  name VARCHAR(255) NOT NULL,
  limit_count INT,
  status VARCHAR(50) NOT NULL,
  start_date DATETIME(6) NOT NULL,
  end_date DATETIME(6) NOT NULL,
  activity_type VARCHAR(255) NOT NULL,
  filters JSON,
  price DECIMAL(10, 2) NOT NULL,
  quantity INT NOT NULL,
  budget DECIMAL(12, 2),
  image_url VARCHAR(255),
  created_at DATETIME(6),
  updated_at DATETIME(6),
  PRIMARY KEY (id)
);

-- status: PENDING, APPROVED, REJECTED, DUPLICATED.
CREATE TABLE campaign_activity_entries (
  id BIGINT NOT NULL AUTO_INCREMENT,
  campaign_activity_id BIGINT NOT NULL,
  product_id BIGINT,
  status VARCHAR(50) NOT NULL,
  user_id BIGINT NOT NULL,
  requested_at DATETIME(6) NOT NULL,
  processed_at DATETIME(6),
  additional_data VARCHAR(255),
  created_at DATETIME(6),
  updated_at DATETIME(6),
  PRIMARY KEY (id)
);

-- price is that of one piece. purchase_type: CAMPAIGNACTIVITY, or SHOP without an activity.
CREATE TABLE purchases (
  id BIGINT NOT NULL AUTO_INCREMENT,
  user_id BIGINT NOT NULL,
  product_id BIGINT NOT NULL,
  campaign_activity_id BIGINT,
  purchase_type VARCHAR(20) NOT NULL,
  price DECIMAL(10, 2) NOT NULL,
  quantity INT NOT NULL,
  purchase_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  KEY idx_purchase_activity_lookup (campaign_activity_id, purchase_type, purchase_at),
  KEY idx_purchase_user_history (user_id, purchase_at),
  UNIQUE KEY uk_campaign_purchase_user (campaign_activity_id, user_id)
);

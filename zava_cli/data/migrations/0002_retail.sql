-- The retail data. Every transactional table carries store_id and every key of it starts with store_id,
-- so that the schema distributes by store and no unique key tells one store what another one holds.

SET LOCAL ROLE @{owner};

CREATE SCHEMA retail;
COMMENT ON SCHEMA retail IS 'Stores, customers, orders, products and inventory. Row-level security limits every table to the stores one may see.';

CREATE TABLE retail.managers (
    manager_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    email text UNIQUE,
    role text NOT NULL CHECK (role IN ('store_manager', 'regional_manager', 'head_office')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retail.managers IS 'People and agents who ask questions; you see yourself only.';
COMMENT ON COLUMN retail.managers.manager_id IS 'Key; never show it to a person, use the name.';
COMMENT ON COLUMN retail.managers.name IS 'Display name.';
COMMENT ON COLUMN retail.managers.email IS 'E-mail address, if known.';
COMMENT ON COLUMN retail.managers.role IS 'store_manager (one store), regional_manager (several) or head_office (all).';
COMMENT ON COLUMN retail.managers.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.managers.updated_at IS 'When the row was last written.';

CREATE TABLE retail.stores (
    store_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    location text NOT NULL,
    manager_id uuid NOT NULL REFERENCES retail.managers,
    is_online boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retail.stores IS 'Shops, physical and online; you see the stores you manage.';
COMMENT ON COLUMN retail.stores.store_id IS 'Key; join on it, show the name.';
COMMENT ON COLUMN retail.stores.name IS 'Store name as people say it, for example Zava Retail Seattle.';
COMMENT ON COLUMN retail.stores.location IS 'City or region.';
COMMENT ON COLUMN retail.stores.manager_id IS 'The store''s own manager.';
COMMENT ON COLUMN retail.stores.is_online IS 'True for web shops.';
COMMENT ON COLUMN retail.stores.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.stores.updated_at IS 'When the row was last written.';

CREATE TABLE retail.manager_stores (
    manager_id uuid NOT NULL REFERENCES retail.managers,
    store_id uuid NOT NULL REFERENCES retail.stores,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (manager_id, store_id)
);
COMMENT ON TABLE retail.manager_stores IS 'Which manager may see which store; you see your own rows. Head office needs none.';
COMMENT ON COLUMN retail.manager_stores.manager_id IS 'The manager.';
COMMENT ON COLUMN retail.manager_stores.store_id IS 'A store that this manager may see.';
COMMENT ON COLUMN retail.manager_stores.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.manager_stores.updated_at IS 'When the row was last written.';

CREATE TABLE retail.categories (
    category_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retail.categories IS 'Product categories, shared by all stores.';
COMMENT ON COLUMN retail.categories.category_id IS 'Key.';
COMMENT ON COLUMN retail.categories.name IS 'Category name in upper case, for example POWER TOOLS.';
COMMENT ON COLUMN retail.categories.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.categories.updated_at IS 'When the row was last written.';

CREATE TABLE retail.product_types (
    type_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    category_id uuid NOT NULL REFERENCES retail.categories,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (category_id, name)
);
COMMENT ON TABLE retail.product_types IS 'Kinds of product within a category, shared by all stores.';
COMMENT ON COLUMN retail.product_types.type_id IS 'Key.';
COMMENT ON COLUMN retail.product_types.category_id IS 'The category it belongs to.';
COMMENT ON COLUMN retail.product_types.name IS 'Type name in upper case, for example HAMMERS.';
COMMENT ON COLUMN retail.product_types.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.product_types.updated_at IS 'When the row was last written.';

CREATE TABLE retail.products (
    product_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    sku text NOT NULL UNIQUE,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    category_id uuid NOT NULL REFERENCES retail.categories,
    type_id uuid NOT NULL REFERENCES retail.product_types,
    cost numeric(14,4),
    price numeric(14,4) NOT NULL,
    search_text tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', name), 'A')
        || setweight(to_tsvector('simple', sku), 'A')
        || setweight(to_tsvector('english', description), 'B')
    ) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX products_search_text ON retail.products USING gin (search_text);
CREATE INDEX products_category ON retail.products (category_id, type_id);
COMMENT ON TABLE retail.products IS 'The catalogue, shared by all stores.';
COMMENT ON COLUMN retail.products.product_id IS 'Key; never show it to a person, use sku and name.';
COMMENT ON COLUMN retail.products.sku IS 'Stock keeping unit, for example HTHM001600.';
COMMENT ON COLUMN retail.products.name IS 'Product name.';
COMMENT ON COLUMN retail.products.description IS 'What a shopper reads.';
COMMENT ON COLUMN retail.products.category_id IS 'Category.';
COMMENT ON COLUMN retail.products.type_id IS 'Product type.';
COMMENT ON COLUMN retail.products.cost IS 'Purchase cost per unit; NULL where unknown (imported data).';
COMMENT ON COLUMN retail.products.price IS 'List price per unit; what was really paid is in order_items.';
COMMENT ON COLUMN retail.products.search_text IS 'Full-text vector of sku, name and description: search_text @@ websearch_to_tsquery(''english'', …).';
COMMENT ON COLUMN retail.products.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.products.updated_at IS 'When the row was last written.';

CREATE TABLE retail.embedding_models (
    model text PRIMARY KEY,
    provider text NOT NULL,
    dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 4000),
    is_active boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX embedding_models_one_active ON retail.embedding_models (is_active) WHERE is_active;
COMMENT ON TABLE retail.embedding_models IS 'Models that embeddings were made with; exactly one is active.';
COMMENT ON COLUMN retail.embedding_models.model IS 'Model name.';
COMMENT ON COLUMN retail.embedding_models.provider IS 'local or openai.';
COMMENT ON COLUMN retail.embedding_models.dimensions IS 'Length of its vectors.';
COMMENT ON COLUMN retail.embedding_models.is_active IS 'True for the model that search uses.';
COMMENT ON COLUMN retail.embedding_models.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.embedding_models.updated_at IS 'When the row was last written.';

CREATE TABLE retail.product_description_embeddings (
    product_id uuid NOT NULL REFERENCES retail.products ON DELETE CASCADE,
    model text NOT NULL REFERENCES retail.embedding_models,
    description_embedding vector NOT NULL,
    content_hash text NOT NULL,
    dimensions integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_updated timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, model),
    CHECK (public.vector_dims(description_embedding) = dimensions)
);
CREATE INDEX product_description_embeddings_model ON retail.product_description_embeddings (model);
COMMENT ON TABLE retail.product_description_embeddings IS 'One vector per product and model, for search by meaning.';
COMMENT ON COLUMN retail.product_description_embeddings.product_id IS 'The product.';
COMMENT ON COLUMN retail.product_description_embeddings.model IS 'The model; compare vectors of one model only.';
COMMENT ON COLUMN retail.product_description_embeddings.description_embedding IS 'Unit vector; cosine distance is <=>.';
COMMENT ON COLUMN retail.product_description_embeddings.content_hash IS 'SHA-256 of the embedded text; differs when the product changed since.';
COMMENT ON COLUMN retail.product_description_embeddings.dimensions IS 'Length of the vector.';
COMMENT ON COLUMN retail.product_description_embeddings.created_at IS 'When the product was first embedded with this model.';
COMMENT ON COLUMN retail.product_description_embeddings.last_updated IS 'When the vector was last written.';

CREATE TABLE retail.customers (
    store_id uuid NOT NULL REFERENCES retail.stores,
    customer_id uuid NOT NULL DEFAULT gen_random_uuid(),
    first_name text,
    last_name text,
    email text,
    reference text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, customer_id)
);
COMMENT ON TABLE retail.customers IS 'Customers, each of one store.';
COMMENT ON COLUMN retail.customers.store_id IS 'The store that the customer belongs to.';
COMMENT ON COLUMN retail.customers.customer_id IS 'Key within the store; never show it to a person.';
COMMENT ON COLUMN retail.customers.first_name IS 'First name, if known.';
COMMENT ON COLUMN retail.customers.last_name IS 'Last name, if known.';
COMMENT ON COLUMN retail.customers.email IS 'E-mail address, if known.';
COMMENT ON COLUMN retail.customers.reference IS 'The customer''s number in the system that the row was imported from.';
COMMENT ON COLUMN retail.customers.created_at IS 'When the customer joined (imported data: the first order).';
COMMENT ON COLUMN retail.customers.updated_at IS 'When the row was last written.';

CREATE TABLE retail.orders (
    store_id uuid NOT NULL REFERENCES retail.stores,
    order_id uuid NOT NULL DEFAULT gen_random_uuid(),
    customer_id uuid,
    order_date timestamptz NOT NULL,
    total_amount numeric(18,4) NOT NULL,
    status text NOT NULL DEFAULT 'completed' CHECK (status IN ('pending', 'completed', 'returned')),
    reference text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, order_id),
    FOREIGN KEY (store_id, customer_id) REFERENCES retail.customers
);
CREATE INDEX orders_by_date ON retail.orders (store_id, order_date);
CREATE INDEX orders_by_customer ON retail.orders (store_id, customer_id, order_date);
COMMENT ON TABLE retail.orders IS 'Orders and returns. A return is an order of its own with negative quantities, so plain sums are net of returns.';
COMMENT ON COLUMN retail.orders.store_id IS 'The store.';
COMMENT ON COLUMN retail.orders.order_id IS 'Key within the store; never show it to a person.';
COMMENT ON COLUMN retail.orders.customer_id IS 'The customer; NULL where unknown.';
COMMENT ON COLUMN retail.orders.order_date IS 'When it was placed; months and days are those of the business time zone, in which every session runs.';
COMMENT ON COLUMN retail.orders.total_amount IS 'Exact sum of its lines'' total_amount; negative for returns.';
COMMENT ON COLUMN retail.orders.status IS 'pending, completed or returned.';
COMMENT ON COLUMN retail.orders.reference IS 'The order''s number in the system that the row was imported from.';
COMMENT ON COLUMN retail.orders.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.orders.updated_at IS 'When the row was last written.';

CREATE TABLE retail.order_items (
    store_id uuid NOT NULL,
    order_id uuid NOT NULL,
    line_no integer NOT NULL CHECK (line_no > 0),
    product_id uuid NOT NULL REFERENCES retail.products,
    quantity integer NOT NULL,
    unit_price numeric(14,4) NOT NULL,
    discount_percent numeric(5,2) NOT NULL DEFAULT 0 CHECK (discount_percent BETWEEN 0 AND 100),
    discount_amount numeric(14,4) NOT NULL DEFAULT 0,
    total_amount numeric(18,4) NOT NULL CHECK (total_amount = quantity * unit_price - discount_amount),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, order_id, line_no),
    FOREIGN KEY (store_id, order_id) REFERENCES retail.orders
);
CREATE INDEX order_items_by_product ON retail.order_items (store_id, product_id);
COMMENT ON TABLE retail.order_items IS 'Lines of orders; revenue is sum(total_amount), units are sum(quantity), both net of returns.';
COMMENT ON COLUMN retail.order_items.store_id IS 'The store; join orders on (store_id, order_id).';
COMMENT ON COLUMN retail.order_items.order_id IS 'The order.';
COMMENT ON COLUMN retail.order_items.line_no IS 'Line number within the order, from 1.';
COMMENT ON COLUMN retail.order_items.product_id IS 'The product.';
COMMENT ON COLUMN retail.order_items.quantity IS 'Units; negative for returns.';
COMMENT ON COLUMN retail.order_items.unit_price IS 'Price per unit before the discount; negative on adjustments such as written-off debt.';
COMMENT ON COLUMN retail.order_items.discount_percent IS 'Discount in percent of quantity x unit_price.';
COMMENT ON COLUMN retail.order_items.discount_amount IS 'Discount in money; negative on returned lines.';
COMMENT ON COLUMN retail.order_items.total_amount IS 'quantity x unit_price - discount_amount, exactly.';
COMMENT ON COLUMN retail.order_items.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.order_items.updated_at IS 'When the row was last written.';

CREATE TABLE retail.inventory (
    store_id uuid NOT NULL REFERENCES retail.stores,
    product_id uuid NOT NULL REFERENCES retail.products,
    stock_level integer NOT NULL CHECK (stock_level >= 0),
    reorder_point integer NOT NULL DEFAULT 0 CHECK (reorder_point >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, product_id)
);
COMMENT ON TABLE retail.inventory IS 'Units on hand per store and product.';
COMMENT ON COLUMN retail.inventory.store_id IS 'The store.';
COMMENT ON COLUMN retail.inventory.product_id IS 'The product.';
COMMENT ON COLUMN retail.inventory.stock_level IS 'Units on hand; 0 is a stock-out.';
COMMENT ON COLUMN retail.inventory.reorder_point IS 'Order more when stock_level is at or below this.';
COMMENT ON COLUMN retail.inventory.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.inventory.updated_at IS 'When stock_level was last counted.';
